// Gzipped JavaScript of each route's first load, from Vite's manifest; over budget is a failure.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const AIM_KB = 80;
const LIMIT_KB = 120;
/** What a stranger's phone fetches before it can sign in. */
const ENTRANCE_KB = 30;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));

const gzipKb = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length / 1024;

/** The chunk and all it imports at once (not what it may load later). */
function firstLoad(keys, seen = new Set()) {
  for (const key of keys) {
    if (seen.has(key)) continue;
    seen.add(key);
    firstLoad(manifest[key].imports ?? [], seen);
  }
  return seen;
}

/** What the page itself asks for. */
const entry = Object.keys(manifest).find((key) => /^_first-.*\.js$/.test(key));
const english = Object.keys(manifest).filter((key) => key.endsWith("messages/en.ts"));
const routes = Object.keys(manifest).filter((key) => /features\/[^/]+\/[A-Z]\w+\.tsx$/.test(key));
let over = false;

for (const route of ["", ...routes]) {
  const keys = route === "" ? [entry] : [entry, route, ...english];
  const files = [...firstLoad(keys)].map((key) => manifest[key]);
  const js = files.reduce((sum, chunk) => sum + gzipKb(chunk.file), 0);
  const css = [...new Set(files.flatMap((chunk) => chunk.css ?? []))].reduce((s, f) => s + gzipKb(f), 0);
  const limit = route === "" ? ENTRANCE_KB : route.includes("/scan/") ? AIM_KB : LIMIT_KB;
  over ||= js > limit;
  console.log(
    `${js > limit ? "OVER " : "ok   "}${(route || "signing in, for the first time").padEnd(44)} ${js.toFixed(1).padStart(6)} KB js of ${limit}` +
      `, ${css.toFixed(1)} KB css`,
  );
}
process.exit(over ? 1 : 0);
