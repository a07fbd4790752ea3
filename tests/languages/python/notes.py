"""A handler in Python. It opens files as Python does; what it sees as `/` is the
directory that the gateway opened for the call."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.types import Error

TEXT = {"type": "string", "maxLength": 100_000}


def closed(**properties):
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def greet(name):
    return {"text": f"Hello, {name}, from Python"}


def put(path, text):
    with open(path, "w", encoding="utf-8", newline="") as note:
        note.write(text)
    return {"bytes": len(text.encode())}


def get(path):
    with open(path, encoding="utf-8", newline="") as note:
        return {"text": note.read()}


HANDLERS = {"greet": greet, "put": put, "get": get}

MANIFEST = {
    "family": "notes_python",
    "version": "0.1.0",
    "description": "Greets, and keeps notes in files.",
    "methods": [
        {
            "name": "notes_python.greet",
            "summary": "A greeting.",
            "scope": "read",
            "params": closed(name=TEXT),
            "result": closed(text=TEXT),
        },
        {
            "name": "notes_python.put",
            "summary": "Writes a note.",
            "scope": "write",
            "params": closed(path=TEXT, text=TEXT),
            "result": closed(bytes={"type": "integer", "minimum": 0}),
        },
        {
            "name": "notes_python.get",
            "summary": "Reads a note.",
            "scope": "read",
            "params": closed(path=TEXT),
            "result": closed(text=TEXT),
        },
    ],
}


def refusal(code, message):
    return Err(Error(code=code, message=message, data=None, retry_after_ms=None))


class Component(exports.Component):
    def manifest(self):
        return json.dumps(MANIFEST).encode()

    def handle(self, call, params):
        _, method = call.method().split(".")
        try:
            answer = HANDLERS[method](**json.loads(params))
        except FileNotFoundError:
            raise refusal("NOT_FOUND", "there is no such note") from None
        except OSError as error:
            raise refusal("FORBIDDEN", f"the file cannot be opened: {error.strerror}") from None
        return json.dumps(answer).encode()
