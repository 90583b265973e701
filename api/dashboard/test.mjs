// Bundles the unit tests and hands them to Node's own runner.

import { build } from "esbuild";
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "dist", ".test");
const files = (await readdir(join(here, "test"))).filter((name) => name.endsWith(".test.ts"));
await build({
  absWorkingDir: here, entryPoints: files.map((name) => join("test", name)), outdir: out, bundle: true,
  platform: "node", format: "esm", outExtension: { ".js": ".mjs" }, logLevel: "warning",
});
const { status } = spawnSync(process.execPath, ["--test", ...files.map((name) => join(out, name.replace(/ts$/, "mjs")))],
  { stdio: "inherit" });
await rm(out, { recursive: true, force: true });
process.exit(status ?? 1);
