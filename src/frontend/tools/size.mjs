/** Fails where the JavaScript before the first view is larger than it may be. Run it after `npm run build`. */

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const LIMIT = 250_000;
const WEB = new URL("../../backend/neuronscope/web/", import.meta.url);
const FIRST_VIEW = "src/views/explore/ExploreView.tsx";

const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", WEB), "utf8"));
const entry = Object.keys(manifest).find((name) => manifest[name].isEntry);

const sizeOf = (file) => gzipSync(readFileSync(new URL(file, WEB)), { level: 9 }).length;

/** A chunk and all that it imports at once; what it imports later does not count. */
function reach(name, seen = new Set()) {
  if (!seen.has(name)) {
    seen.add(name);
    for (const next of manifest[name].imports ?? []) reach(next, seen);
  }
  return seen;
}

const first = reach(FIRST_VIEW, reach(entry));
let total = 0;
for (const name of first) {
  const bytes = sizeOf(manifest[name].file);
  total += bytes;
  process.stdout.write(`${String(bytes).padStart(9)}  ${manifest[name].file}\n`);
}
process.stdout.write(`${String(total).padStart(9)}  before the first view, gzip (at most ${LIMIT})\n`);
for (const name of Object.keys(manifest).filter(
  (one) => !first.has(one) && manifest[one].file.endsWith(".js"),
))
  process.stdout.write(`${String(sizeOf(manifest[name].file)).padStart(9)}  later: ${manifest[name].file}\n`);
if (total > LIMIT) {
  process.stderr.write("Too large. Load something later, or leave it out.\n");
  process.exit(1);
}
