// Builds the page: one HTML file into which `flightrec report` puts a trace. The same sources make the same bytes.
import { createHash } from "node:crypto";
import { readFile, writeFile, mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? join(here, "../flightrec/report/assets/report.html");
const options = { absWorkingDir: here, bundle: true, minify: true, write: false, charset: "utf8", target: ["chrome110", "firefox115", "safari16.4"], legalComments: "inline" };
const text = async (entry, more = {}) => (await build({ ...options, entryPoints: [entry], ...more })).outputFiles[0].text.trim();

const script = await text("src/main.ts", { format: "iife" });
const style = await text("src/style.css");
if (/<\/script|<!--/i.test(script) || /<\/style/i.test(style)) throw new Error("the script or the style would end its element");
const hash = (source) => `sha256-${createHash("sha256").update(source, "utf8").digest("base64")}`;
const parts = { __SCRIPT_HASH__: hash(script), __STYLE_HASH__: hash(style), __STYLE__: style, __SCRIPT__: script };
const page = (await readFile(join(here, "src/page.html"), "utf8")).replace(/__[A-Z_]+__/g, (key) => parts[key]);
await mkdir(dirname(out), { recursive: true });
await writeFile(out, page);

// Unit tests, bundled one by one for node:test.
if (process.argv.includes("--tests")) {
  const tests = (await readdir(join(here, "test"))).filter((file) => file.endsWith(".test.ts"));
  await build({ ...options, minify: false, write: true, platform: "node", format: "esm", target: "node18", entryPoints: tests.map((file) => join("test", file)), outdir: "build/test" });
}
console.log(`${out}: ${Buffer.byteLength(page)} bytes`);
