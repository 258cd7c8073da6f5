// The screens' sentences as the build hands them out: compiled, so that no phone reads ICU's grammar.
import { readFileSync } from "node:fs";
import { compileMessage } from "@lingui/message-utils/compileMessage";
import { transformWithOxc, type Plugin } from "vite";
import { SAID_FIRST } from "../src/shared/i18n/first.ts";

/** `?first` behind a file's name means what is said before sign-in alone. */
const FILE = /\/src\/shared\/i18n\/\w+\/[\w-]+\.ts(\?first)?$/;

const LETTERS = /^import "[^"]+";$/gm;

/** Hands them out so. */
export function messages(): Plugin {
  return {
    name: "messages",
    apply: "build",
    async load(id) {
      if (!FILE.test(id)) return null;
      const [path = id, query] = id.split("?");
      const source = readFileSync(path, "utf8");
      // A language's letters come with the whole of it.
      const letters = query === undefined ? (source.match(LETTERS) ?? []) : [];
      const plain = source.replace(LETTERS, "");
      const { code } = await transformWithOxc(plain, path, { sourcemap: false });
      const url = `data:text/javascript,${encodeURIComponent(code)}`;
      const { messages } = (await import(url)) as { messages: Record<string, string> };
      const said = Object.entries(messages).filter(([key]) => query === undefined || SAID_FIRST.test(key));
      const compiled = Object.fromEntries(said.map(([key, text]) => [key, compileMessage(text)]));
      return `${letters.join("\n")}\nexport const messages = JSON.parse(${JSON.stringify(JSON.stringify(compiled))});`;
    },
  };
}
