"""The least that Flask can do, as a yardstick for the machine."""

from flask import Flask, jsonify
from flask.wrappers import Response

app = Flask(__name__)


@app.get("/")
def answer() -> Response:
    """One constant object."""
    return jsonify(success=True)
