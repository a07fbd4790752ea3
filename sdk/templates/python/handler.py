"""Answers NAME.hello."""

import json

from wit_world import exports
from wit_world.imports import documents
from wit_world.imports.documents import Expectation_Any, Operation_Put, Put


def closed(**properties):
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def hello(call, name):
    database = documents.open(call)
    known = database.get("people", name)
    times = (json.loads(known.value) if known else 0) + 1
    write = Put(collection="people", key=name, value=json.dumps(times).encode(), rank=0, expect=Expectation_Any())
    database.transact([Operation_Put(write)])
    return {"text": f"Hello, {name}!", "times": times}


METHODS = {"NAME.hello": hello}

MANIFEST = {
    "family": "NAME",
    "version": "0.1.0",
    "description": "Greets people, and remembers how often.",
    "methods": [
        {
            "name": "NAME.hello",
            "summary": "Says hello.",
            "scope": "write",
            "params": closed(name={"type": "string"}),
            "result": closed(text={"type": "string"}, times={"type": "integer", "minimum": 1}),
        },
    ],
}


class Component(exports.Component):
    def manifest(self):
        return json.dumps(MANIFEST).encode()

    # Parameters come as the schema wants them: the gateway has checked.
    def handle(self, call, params):
        return json.dumps(METHODS[call.method()](call, **json.loads(params))).encode()
