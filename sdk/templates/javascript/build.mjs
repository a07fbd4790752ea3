// Makes the component. The engine is started and the module evaluated here, once, so that no call has to.
// componentize-js loads preview2-shim without declaring it, and takes any newer jco, twice as large: package.json
// names both.

import { writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize({
  sourcePath: new URL("handler.js", import.meta.url).pathname,
  witPath: new URL("wit", import.meta.url).pathname,
  worldName: "handler",
  disableFeatures: ["http", "fetch-event"],
});
await writeFile(new URL("NAME.wasm", import.meta.url), component);
