import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Plugin } from "vite";

const root = new URL("../", import.meta.url);

/** Copied or compiled into the build without being a module of it. */
const BESIDE = ["swagger-ui-dist", "@fontsource/noto-sans-devanagari", "zxing-wasm"];

/** A package's name in a module's path, the innermost where packages contain packages. */
function packageOf(id: string): string | undefined {
  const path = id.split("node_modules/").slice(1).join("node_modules/");
  return /^(?:.*node_modules\/)?((?:@[^/]+\/)?[^/@][^/]*)\//.exec(path)?.[0]?.replace(/\/$/, "");
}

function notice(name: string): string {
  const folder = new URL(`node_modules/${name}/`, root);
  const about = JSON.parse(readFileSync(new URL("package.json", folder), "utf8")) as {
    name: string;
    version: string;
    license?: string;
  };
  if (!about.license) throw new Error(`${name} states no license, so it cannot be shipped`);
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|notice|copying)(\.\w+)?$|bundle\.js\.LICENSE\.txt$/i.test(file))
    .filter((file) => !file.includes("-es-"))
    .sort()
    .map((file) => readFileSync(new URL(file, folder), "utf8").trim());
  return [`${about.name} ${about.version}`, `License: ${about.license}`, ...texts].join("\n\n");
}

/** Writes `licenses.txt`: the licenses and notices of everything that the built pages ship. */
export function notices(): Plugin {
  return {
    name: "notices",
    apply: "build",
    generateBundle(_, bundle) {
      const names = new Set(BESIDE);
      for (const piece of Object.values(bundle)) {
        if (piece.type !== "chunk") continue;
        for (const id of piece.moduleIds) {
          const name = packageOf(id);
          if (name !== undefined && existsSync(new URL(`node_modules/${name}/package.json`, root)))
            names.add(name);
        }
      }
      const apache = readFileSync(new URL("../LICENSE", root), "utf8").trim();
      const source = [
        "The pages of TraceTrack contain the following packages.",
        ...[...names].sort().map(notice),
        `zxing-cpp, compiled into zxing-wasm\n\nLicense: Apache-2.0\n\n${apache}`,
      ].join(`\n\n${"-".repeat(80)}\n\n`);
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: `${source}\n` });
    },
  };
}
