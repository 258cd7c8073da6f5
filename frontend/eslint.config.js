import js from "@eslint/js";
import globals from "globals";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig([
  globalIgnores(["dist", "src/shared/api/schema.d.ts"]),
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      globals: globals.browser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "react-hooks": hooks },
    rules: {
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": "off",
      // No text outside i18n: a letter between tags is a sentence nobody can translate.
      "no-restricted-syntax": [
        "error",
        { selector: "JSXText[value=/\\p{L}/u]", message: "Text belongs in shared/i18n/messages." },
        {
          selector:
            "JSXAttribute[name.name=/^(aria-label|title|placeholder|alt)$/] > Literal[value=/\\p{L}/u]",
          message: "Text belongs in shared/i18n/messages.",
        },
      ],
      // A feature owns its parts: another feature may not reach into them.
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              group: ["../../*", "@/features/*/*"],
              message: "Import from @/shared, or from your own feature.",
            },
          ],
        },
      ],
    },
  },
  {
    files: ["src/app/**"],
    rules: { "no-restricted-imports": "off" },
  },
  { files: ["scripts/worker.js"], languageOptions: { globals: globals.serviceworker } },
  { files: ["scripts/*.mjs", "*.config.*"], languageOptions: { globals: globals.node } },
]);
