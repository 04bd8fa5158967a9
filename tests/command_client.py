"""Runs a `flask` command by way of `command_server`: `python -S -E command_client.py SOCKET WORD…`, quick to start."""

import json
import os
import socket
import sys

if __name__ == "__main__":
    asked = {"words": sys.argv[2:], "directory": os.getcwd(), "environ": dict(os.environ)}  # noqa: PTH109 - quicker
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(sys.argv[1])
        message = json.dumps(asked).encode()
        sent = socket.send_fds(server, [message], [0, 1, 2])
        server.sendall(message[sent:])
        server.shutdown(socket.SHUT_WR)
        code = int(server.recv(16))
    sys.exit(code if code >= 0 else 128 - code)
