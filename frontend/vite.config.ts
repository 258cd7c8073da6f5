import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const src = fileURLToPath(new URL("./src", import.meta.url));

export default defineConfig({
  resolve: {
    alias: {
      "@": src,
      "react/jsx-runtime": "preact/jsx-runtime",
      "react-dom": "preact/compat",
      react: "preact/compat",
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/api": "http://127.0.0.1:8000" } },
  build: {
    // Hand-held scanners keep old WebViews for years.
    target: ["chrome90", "safari14.1", "firefox90"],
    // No data: URLs, so that the content security policy needs no exception.
    assetsInlineLimit: 0,
    manifest: true,
    sourcemap: false,
    rolldownOptions: {
      output: {
        // What every screen needs is one file: pieces pack worse, and scanning waits for each of them.
        codeSplitting: {
          groups: [
            {
              name: "base",
              test: /src.shared.(i18n.(i18n|problem)\.ts|ui.(icons|Bar|parts)\.tsx|scanner.wedge|sound|queue|api.(calls|session|problems))/,
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
