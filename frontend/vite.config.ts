import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { messages } from "./scripts/messages.ts";
import { notices } from "./scripts/notices.ts";

const src = fileURLToPath(new URL("./src", import.meta.url));

/** Kept in this order: what the floor opens with, everything else, and the camera's large reader last. */
function turn(name: string): number {
  if (name.endsWith(".wasm")) return 2;
  return /^assets\/(first|index||inside|Scan|useScanLine|useQuery)-/.test(name) ? 0 : 1;
}

/**
 * The service worker, with this build's files and the SHA-256 of each; fonts are kept when they are first
 * used. Written when every file is: only then are their bytes final.
 */
function serviceWorker(): Plugin {
  return {
    name: "service-worker",
    apply: "build",
    enforce: "post",
    writeBundle({ dir = "dist" }, bundle) {
      const digest = (name: string) =>
        createHash("sha256")
          .update(readFileSync(join(dir, name)))
          .digest("base64");
      const built = Object.keys(bundle)
        .filter((name) => /^assets\/(.+\.(js|css)|zxing_reader.*\.wasm)$/.test(name))
        .sort((one, other) => turn(one) - turn(other) || one.localeCompare(other));
      const names = ["favicon.svg", "manifest.json", "icons/192.png", ...built];
      const files = Object.fromEntries(names.map((name) => [`/${name}`, digest(name)]));
      const page = readFileSync(join(dir, "index.html"), "utf8");
      const entry = /<script type="module"[^>]* src="([^"]+)"/.exec(page)?.[1];
      if (entry === undefined || !(entry in files)) throw new Error("the page names no script of this build");
      const version = createHash("sha256")
        .update(JSON.stringify([files, page]))
        .digest("hex")
        .slice(0, 12);
      const source = readFileSync(new URL("./scripts/worker.js", import.meta.url), "utf8")
        .replace("/* the build's files */ {}", JSON.stringify(files))
        .replace(`/* the page's script */ ""`, JSON.stringify(entry))
        .replace(`/* the build's version */ ""`, JSON.stringify(version));
      writeFileSync(join(dir, "sw.js"), source);
    },
  };
}

/**
 * Of the page's two files the larger goes over the connection that brought the page; the smaller has the
 * time to open another.
 */
function turns(): Plugin {
  return {
    name: "turns",
    apply: "build",
    enforce: "post",
    transformIndexHtml: (html) =>
      html
        .replace('<script type="module"', '<script type="module" fetchpriority="high"')
        .replace('<link rel="stylesheet"', '<link rel="stylesheet" fetchpriority="low"'),
  };
}

/** The API's documentation, served by us: nothing is loaded from elsewhere. */
function documentation(): Plugin {
  return {
    name: "documentation",
    apply: "build",
    generateBundle() {
      for (const name of ["swagger-ui-bundle.js", "swagger-ui.css"]) {
        const source = readFileSync(new URL(`./node_modules/swagger-ui-dist/${name}`, import.meta.url));
        this.emitFile({ type: "asset", fileName: `docs/${name}`, source });
      }
    },
  };
}

/** Smaller files are not worth a second one, in bytes. */
const WORTH_PACKING = 1_024;
/** Larger ones (the reader of the camera) are not worth the minutes of the last percent. */
const WORTH_THE_LAST_PERCENT = 150_000;

/** Each file packed beside it, once, so that serving it costs nothing. */
function packed(): Plugin {
  let folder = "";
  return {
    name: "packed",
    apply: "build",
    enforce: "post",
    configResolved(config) {
      folder = fileURLToPath(new URL(`${config.build.outDir}/`, `file://${config.root}/`));
    },
    closeBundle() {
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|html|svg|json|txt|wasm)$/.test(name) || name.startsWith(".vite")) continue;
        const file = join(folder, name);
        const content = readFileSync(file);
        if (content.length < WORTH_PACKING) continue;
        const quality = content.length > WORTH_THE_LAST_PERCENT ? 9 : constants.BROTLI_MAX_QUALITY;
        const params = { [constants.BROTLI_PARAM_QUALITY]: quality };
        writeFileSync(`${file}.br`, brotliCompressSync(content, { params }));
        writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  resolve: {
    alias: {
      "@": src,
      "react/jsx-runtime": "preact/jsx-runtime",
      // What an old React lacks, and the one CommonJS file that would keep all of preact/compat.
      "use-sync-external-store/shim/index.js": "preact/compat",
      "react-dom": "preact/compat",
      react: "preact/compat",
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  plugins: [messages(), serviceWorker(), turns(), documentation(), notices(), packed()],
  server: { proxy: { "/api": "http://127.0.0.1:8000" } },
  build: {
    // Hand-held scanners keep old WebViews for years.
    target: ["chrome90", "safari14.1", "firefox90"],
    // No data: URLs, so that the content security policy needs no exception.
    assetsInlineLimit: 0,
    manifest: true,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rolldownOptions: {
      output: {
        // Two files: what sign-in needs, and what every screen behind it needs besides. Pieces pack worse,
        // and a slow line pays for each of them, in connections more than in bytes.
        codeSplitting: {
          groups: [
            { name: "first", test: /src.main\.tsx/, priority: 2 },
            {
              name: "inside",
              test: /src.(app.(Inside|Shell|jobs)|features.home|shared.(ui.(Bar|acts)|scanner.(wedge|commands|suffix)|sound.speech|queue|api.calls))|react-query.build.modern.useQuery/,
              priority: 1,
            },
          ],
        },
      },
      // "use client" means nothing here and is said of every file of the query library.
      onLog: (level, log, report) => {
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") report(level, log);
      },
    },
  },
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"], restoreMocks: true },
});
