import { compileMessage } from "@lingui/message-utils/compileMessage";
import { expect, test } from "vitest";
import { SAID_FIRST } from "./first";
import { messages as adminEnglish } from "./admin/en";
import { messages as helpEnglish } from "./help/en";
import { messages as english } from "./messages/en";
import { messages as officeEnglish } from "./office/en";

const languages = import.meta.glob<Record<string, string>>("./messages/*.ts", {
  import: "messages",
  eager: true,
});
const office = import.meta.glob<Record<string, string>>("./office/*.ts", {
  import: "messages",
  eager: true,
});
const admin = import.meta.glob<Record<string, string>>("./admin/*.ts", {
  import: "messages",
  eager: true,
});
const help = import.meta.glob<Record<string, string>>("./help/*.ts", {
  import: "messages",
  eager: true,
});
/** Each file with the English one it must match. */
const files = [
  ...Object.entries(languages).map(([file, messages]) => [file, messages, english] as const),
  ...Object.entries(office).map(([file, messages]) => [file, messages, officeEnglish] as const),
  ...Object.entries(help).map(([file, messages]) => [file, messages, helpEnglish] as const),
  ...Object.entries(admin).map(([file, messages]) => [file, messages, adminEnglish] as const),
];

/** The names of the values that a message uses. */
function values(message: string): string[] {
  const names = [...message.matchAll(/\{\s*(\w+)\s*[,}]/g)].map((match) => match[1] ?? "");
  return [...new Set(names)].sort();
}

test.each(files)("%s says everything, with the same values", (_file, messages, first) => {
  expect(Object.keys(messages).sort()).toEqual(Object.keys(first).sort());
  for (const [key, text] of Object.entries<string>(first)) {
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

test("the office's Hindi is written in Hindi, and its keys are its own", () => {
  const hindi = office["./office/hi.ts"] ?? {};
  const same = Object.keys(officeEnglish).filter((key) => !/\p{Script=Devanagari}/u.test(hindi[key] ?? ""));
  expect(same.sort()).toEqual(["dashboard.percent"]);
  expect(Object.keys(officeEnglish).filter((key) => key in english)).toEqual([]);
});

test("the admins' Hindi is written in Hindi, and its keys are its own", () => {
  const hindi = admin["./admin/hi.ts"] ?? {};
  const same = Object.keys(adminEnglish).filter((key) => !/\p{Script=Devanagari}/u.test(hindi[key] ?? ""));
  expect(same).toEqual([]);
  expect(Object.keys(adminEnglish).filter((key) => key in english || key in officeEnglish)).toEqual([]);
});

test("English and Hindi say everything; another language may begin with the floor's one file", () => {
  const both = ["en", "hi"];
  for (const set of [languages, help, office, admin]) {
    const codes = Object.keys(set).map((file) => file.replace(/^.*\/|\.ts$/g, ""));
    expect(codes).toEqual(expect.arrayContaining(both));
  }
});

test("what is said before sign-in is among what comes first", () => {
  const sources = import.meta.glob<string>(
    [
      "/src/app/{App,OneMoment}.tsx",
      "/src/features/sign-in/SignIn.tsx",
      "/src/shared/ui/{LanguageChoice,parts}.tsx",
    ],
    { query: "?raw", import: "default", eager: true },
  );
  expect(Object.keys(sources)).toHaveLength(5);
  const source = Object.values(sources).join("\n");
  const said = Object.keys(english).filter((key) => source.includes(`"${key}"`));
  // The question for an account brings the rest of the sentences with it.
  expect(said.filter((key) => !SAID_FIRST.test(key))).toEqual(["register.title"]);
});
