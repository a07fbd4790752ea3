// node build.mjs SOURCE WIT_DIRECTORY OUTPUT: makes the component. The engine is
// started and the module evaluated here, once, so that no call has to.

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { componentize } from "@bytecodealliance/componentize-js";

const [source, wit, output] = process.argv.slice(2).map((path) => resolve(path));
const { component } = await componentize({
  sourcePath: source,
  witPath: wit,
  worldName: "notes",
  disableFeatures: ["http", "fetch-event"],
});
await writeFile(output, component);
