// Holds the promise that the library's first load stays below 235 KB of compressed script.
// Counts what index.html names: those chunks are loaded before anything is shown.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT_BYTES = 235_000;
const dist = new URL("../dist/", import.meta.url);
const page = readFileSync(new URL("index.html", dist), "utf8");
const scripts = [...new Set(page.match(/assets\/[^"]+\.js/gu))];
const sizeBytes = scripts.reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, dist))).length, 0);

console.log(`first load: ${(sizeBytes / 1000).toFixed(0)} kB of script in ${scripts.length} files (gzip)`);
if (sizeBytes > LIMIT_BYTES) {
  console.error(`over the limit of ${LIMIT_BYTES / 1000} kB: load the new part lazily (see src/app/router.tsx)`);
  process.exit(1);
}
