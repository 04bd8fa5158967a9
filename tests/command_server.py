"""Forks processes for `flask` commands, with the service imported already: `python -m tests.command_server SOCKET`.

Commands are the slower half of many tests, and importing is nine tenths of a command. A client (`command_client`) sends
its words, directory and environment with its standard streams, and gets the exit code. Ends with its standard input.
"""

import gc
import json
import os
import signal
import socket
import sys
from select import select

from flask.cli import main

# Not `cli`: gunicorn reads the environment when it is imported.
import app  # noqa: F401 - imported for the processes that are forked

STREAMS = 3


def serve(address: str) -> None:
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while sys.stdin not in select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            # Nobody waits for these children.
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answer(connection)
                return
            connection.close()


def answer(connection: socket.socket) -> None:
    """Run a command in a process of its own, and send its exit code; that process returns from here too, at its end."""
    message, streams, _, _ = socket.recv_fds(connection, 65_536, STREAMS)
    while part := connection.recv(65_536):
        message += part
    if pid := os.fork():
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        connection.sendall(str(code).encode())
        return
    connection.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    asked = json.loads(message)
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir(asked["directory"])
    sys.argv = ["flask", *asked["words"]]
    main()


if __name__ == "__main__":
    serve(sys.argv[1])
