// Answers NAME.hello.

import { open } from "openclaw:gateway/documents@0.1.0";

const object = (properties) => ({
  type: "object",
  additionalProperties: false,
  required: Object.keys(properties),
  properties,
});

const MANIFEST = {
  family: "NAME",
  version: "0.1.0",
  description: "Greets people, and remembers how often.",
  methods: [
    {
      name: "NAME.hello",
      summary: "Says hello.",
      scope: "write",
      params: object({ name: { type: "string" } }),
      result: object({ text: { type: "string" }, times: { type: "integer", minimum: 1 } }),
    },
  ],
};

const encode = (value) => new TextEncoder().encode(JSON.stringify(value));
const decode = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

// Parameters come as the schema wants them: the gateway has checked.
const METHODS = {
  "NAME.hello"(call, { name }) {
    const database = open(call);
    const known = database.get("people", name);
    const times = (known ? decode(known.value) : 0) + 1;
    database.transact([
      { tag: "put", val: { collection: "people", key: name, value: encode(times), rank: 0n, expect: { tag: "any" } } },
    ]);
    return { text: `Hello, ${name}!`, times };
  },
};

export const component = {
  manifest: () => encode(MANIFEST),
  handle: (call, params) => encode(METHODS[call.method()](call, decode(params))),
};
