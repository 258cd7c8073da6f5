import { compileMessage } from "@lingui/message-utils/compileMessage";
import { expect, test } from "vitest";
import { messages as english } from "./messages/en";

const languages = import.meta.glob<Record<string, string>>("./messages/*.ts", {
  import: "messages",
  eager: true,
});

/** The names of the values that a message uses. */
function values(message: string): string[] {
  const names = [...message.matchAll(/\{\s*(\w+)\s*[,}]/g)].map((match) => match[1] ?? "");
  return [...new Set(names)].sort();
}

test.each(Object.entries(languages))("%s says everything, with the same values", (_file, messages) => {
  expect(Object.keys(messages).sort()).toEqual(Object.keys(english).sort());
  for (const [key, text] of Object.entries(english)) {
    expect(messages[key]?.trim(), key).toBeTruthy();
    expect(values(messages[key] ?? ""), key).toEqual(values(text));
    expect(() => compileMessage(messages[key] ?? ""), key).not.toThrow();
  }
});

test("Hindi is written in Hindi", () => {
  const hindi = languages["./messages/hi.ts"] ?? {};
  const same = Object.keys(english).filter((key) => !/\p{Script=Devanagari}/u.test(hindi[key] ?? ""));
  expect(same.sort()).toEqual(["app.name", "story.by", "story.system"]);
});
