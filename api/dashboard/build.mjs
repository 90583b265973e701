// Builds the page into dist/: hashed names, so that browsers may keep them for good.

import { build } from "esbuild";
import { readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "dist");

await rm(out, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.tsx"],
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  sourcemap: false,
  metafile: true,
  entryNames: "[name]-[hash]",
  chunkNames: "part-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".woff2": "file" },
  logLevel: "warning",
  legalComments: "eof",
});

const entry = Object.entries(metafile.outputs).find(([, made]) => made.entryPoint === "src/main.tsx");
const script = basename(entry[0]);
const style = basename(entry[1].cssBundle);
const page = await readFile(join(here, "index.html"), "utf8");
await writeFile(join(out, "index.html"), page.replace("{style}", style).replace("{script}", script));
await writeFile(join(out, "icon.svg"), await readFile(join(here, "icon.svg")));
