import { expect, test } from "vitest";
import { TEST_CODE } from "@/shared/scanner/commands";
import { judge, learnedFrom, TEST_EAN, type Typed } from "./judge";

const typed = (text: string, more: Partial<Typed> = {}): Typed => ({
  text,
  us: null,
  msPerKey: 10,
  suffix: "Enter",
  ...more,
});

/** As a keyboard types that has other letters on these keys. */
const onKeyboard = (from: string, to: string): string =>
  Array.from(TEST_CODE, (letter) => to[from.indexOf(letter)] ?? letter).join("");

test("a quick scanner with a suffix is set up well, with or without its prefix", () => {
  expect(judge(typed(TEST_CODE))).toBe("good");
  expect(judge(typed(`]C1${TEST_CODE}`, { suffix: "Tab" }))).toBe("good");
  expect(judge(typed(TEST_CODE, { msPerKey: null }))).toBe("good");
});

test("without a suffix it works, as long as nobody could take it for a person", () => {
  expect(judge(typed(TEST_CODE, { suffix: null }))).toBe("noSuffix");
  expect(judge(typed(TEST_CODE, { suffix: null, msPerKey: 60 }))).toBe("slow");
  expect(judge(typed(TEST_CODE, { msPerKey: 60 }))).toBe("good");
  expect(judge(typed(TEST_CODE, { msPerKey: 150 }))).toBe("slow");
});

test("caps-lock is told from another keyboard", () => {
  const swapped = Array.from(TEST_CODE, (letter) =>
    letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
  );
  expect(judge(typed(swapped.join("")))).toBe("capsLock");
  expect(judge(typed(TEST_CODE.toUpperCase()))).toBe("capsLock");
});

test.each([
  ["a French keyboard", "aZqWyM1590/:-", "qWaZyM&('à!;)"],
  ["a German keyboard", "yZ:/-T", "zYÖ-ßT"],
])("%s is told by its letters", (_name, from, to) => {
  expect(judge(typed(onKeyboard(from, to)))).toBe("layout");
});

test("a Hindi keyboard is another script", () => {
  const hindi = "ःछ़ञटढतथदधनपफबभमयरलव";
  expect(judge(typed(onKeyboard("TES-aZqWyM1590/:", hindi)))).toBe("script");
});

test("letters that did not arrive are missed", () => {
  expect(judge(typed(TEST_CODE.replace("qW", "").replace("59", "")))).toBe("lost");
});

test("any other code is another code", () => {
  for (const text of ["SB00012", "", "TT:UNDO", "https://example.org/SB00012"])
    expect(judge(typed(text))).toBe("other");
});

test("a scanner whose keys are right by their place is learned, and what to switch is said", () => {
  const french = typed(onKeyboard("aZqWyM1590/:-", "qWaZyM&('à!;)"), { us: TEST_CODE });
  expect(judge(french)).toBe("byPlace");
  expect(learnedFrom(french)).toEqual({ layout: "us", prefix: "", suffix: "", msPerKey: 10 });
  const own = typed(TEST_CODE, { us: onKeyboard("aZ", "qW") });
  expect(judge(own)).toBe("good");
  expect(learnedFrom(own)?.layout).toBe("printed");
});

test("signs around the code are taken off, letters are to be switched off", () => {
  const signs = typed(`~${TEST_CODE}#`, { us: `~${TEST_CODE}#` });
  expect(judge(signs)).toBe("signs");
  expect(learnedFrom(signs)).toEqual({ layout: "us", prefix: "~", suffix: "#", msPerKey: 10 });
  const letters = typed(`A${TEST_CODE}`, { us: `A${TEST_CODE}` });
  expect(judge(letters)).toBe("letters");
  expect(learnedFrom(letters)).toBeNull();
  expect(learnedFrom(typed("SB00012"))).toBeNull();
});

test("a check digit that is not sent is missed", () => {
  expect(judge(typed(TEST_EAN))).toBe("checkDigit");
  expect(judge(typed(TEST_EAN.slice(0, -1)))).toBe("noCheckDigit");
});
