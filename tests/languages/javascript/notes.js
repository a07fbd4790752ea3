// A handler in JavaScript. The language has no file API of its own, so it uses
// WASI's, whose only root is the directory that the gateway opened for the call.

import { getDirectories } from "wasi:filesystem/preopens@0.2.12";

const MAX_BYTES = 1 << 20;

const text = { type: "string", maxLength: 100_000 };
const object = (properties) => ({
  type: "object",
  additionalProperties: false,
  required: Object.keys(properties),
  properties,
});

const MANIFEST = {
  family: "notes_javascript",
  version: "0.1.0",
  description: "Greets, and keeps notes in files.",
  methods: [
    {
      name: "notes_javascript.greet",
      summary: "A greeting.",
      scope: "read",
      params: object({ name: text }),
      result: object({ text }),
    },
    {
      name: "notes_javascript.put",
      summary: "Writes a note.",
      scope: "write",
      params: object({ path: text, text }),
      result: object({ bytes: { type: "integer", minimum: 0 } }),
    },
    {
      name: "notes_javascript.get",
      summary: "Reads a note.",
      scope: "read",
      params: object({ path: text }),
      result: object({ text }),
    },
  ],
};

const HANDLERS = {
  greet: ({ name }) => ({ text: `Hello, ${name}, from JavaScript` }),

  put({ path, text }) {
    const bytes = new TextEncoder().encode(text);
    const file = root().openAt({}, relative(path), { create: true, truncate: true }, { write: true });
    let written = 0;
    while (written < bytes.length) {
      written += Number(file.write(bytes.subarray(written), BigInt(written)));
    }
    return { bytes: written };
  },

  get({ path }) {
    const file = root().openAt({}, relative(path), {}, { read: true });
    const [bytes] = file.read(BigInt(MAX_BYTES), 0n);
    return { text: new TextDecoder().decode(bytes) };
  },
};

const root = () => getDirectories()[0][0];

// WASI's paths are relative to a directory: here to `/`.
const relative = (path) => path.replace(/^\/+/, "");

const refusal = (error) => {
  const code = error?.payload ?? error;
  if (code === "no-entry") return { code: "NOT_FOUND", message: "there is no such note" };
  if (typeof code === "string") return { code: "FORBIDDEN", message: `the file cannot be opened: ${code}` };
  return { code: "INTERNAL", message: String(error) };
};

export const component = {
  manifest: () => new TextEncoder().encode(JSON.stringify(MANIFEST)),

  handle(call, params) {
    const [, method] = call.method().split(".");
    try {
      const answer = HANDLERS[method](JSON.parse(new TextDecoder().decode(params)));
      return new TextEncoder().encode(JSON.stringify(answer));
    } catch (error) {
      throw refusal(error);
    }
  },
};
