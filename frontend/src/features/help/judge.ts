import { TEST_CODE } from "@/shared/scanner/commands";
import type { Learned } from "@/shared/scanner/learned";

/** A product's number, by which the page sees whether the scanner sends check digits. */
export const TEST_EAN = "4006381333931";

/** How a scanner typed the test code. */
export interface Typed {
  text: string;
  /** What the same keys are on a US keyboard, which is what scanners type; null where there were none. */
  us: string | null;
  /** Per letter, in ms; null when the text came whole. */
  msPerKey: number | null;
  suffix: "Enter" | "Tab" | null;
}

export type Finding =
  | "byPlace"
  | "signs"
  | "letters"
  | "checkDigit"
  | "noCheckDigit"
  | "good"
  | "noSuffix"
  | "capsLock"
  | "layout"
  | "script"
  | "slow"
  | "lost"
  | "other";

/** Slower than this, a scanner without a suffix is taken for a person, in ms a letter. */
const SLOW_MS = 45;
/** With a suffix it may be slower; beyond this a worker waits for it. */
const VERY_SLOW_MS = 100;
/** What a scanner may send in front to say what it read. */
const AIM = /^\][A-Za-z]\d/;

/** What stands before and behind the test code; null where it is not in the text. */
function around(text: string | null): { prefix: string; suffix: string } | null {
  const told = (text ?? "").replace(AIM, "").trim();
  const at = told.indexOf(TEST_CODE);
  return at < 0 ? null : { prefix: told.slice(0, at), suffix: told.slice(at + TEST_CODE.length) };
}

/** Signs that no code has may be taken off; letters and digits might be the label's own. */
const isSigns = (text: string): boolean => !/[\p{L}\p{N}]/u.test(text);

/** What this device is to know of a scanner that typed the test code so; null where that says nothing. */
export function learnedFrom({ text, us, msPerKey }: Typed): Learned | null {
  const byPlace = around(us);
  const found = byPlace ?? around(text);
  if (found === null || !isSigns(found.prefix + found.suffix)) return null;
  return { layout: byPlace !== null ? "us" : us === null ? null : "printed", ...found, msPerKey };
}

/** What is to be said of a scanner that typed the test code so. */
export function judge({ text, us, msPerKey, suffix }: Typed): Finding {
  const told = text.replace(AIM, "").trim();
  if (told === TEST_EAN) return "checkDigit";
  if (told === TEST_EAN.slice(0, -1)) return "noCheckDigit";
  const found = around(text);
  if (found !== null && found.prefix + found.suffix !== "")
    return isSigns(found.prefix + found.suffix) ? "signs" : "letters";
  if (found === null && around(us) !== null) return "byPlace";
  if (told === TEST_CODE) {
    const speed = msPerKey ?? 0;
    if (speed > (suffix === null ? SLOW_MS : VERY_SLOW_MS)) return "slow";
    return suffix === null ? "noSuffix" : "good";
  }
  if (told === swapCase(TEST_CODE) || told === TEST_CODE.toUpperCase()) return "capsLock";
  if (told.length === TEST_CODE.length && isSubstitution(told))
    return /[^\u0000-\u024f]/u.test(told) ? "script" : "layout"; // eslint-disable-line no-control-regex
  if (told.length >= TEST_CODE.length / 2 && isPartOf(told)) return "lost";
  return "other";
}

const swapCase = (text: string): string =>
  Array.from(text, (letter) =>
    letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
  ).join("");

/** The same key always gave the same letter, though not ours: another keyboard. */
function isSubstitution(told: string): boolean {
  const letters = new Map<string, string>();
  return Array.from(TEST_CODE).every((key, at) => {
    const letter = told[at] ?? "";
    const before = letters.get(key);
    letters.set(key, letter);
    return before === undefined || before === letter;
  });
}

/** What is left is in order, only some letters did not arrive. */
function isPartOf(told: string): boolean {
  let from = 0;
  return Array.from(told).every((letter) => {
    const at = TEST_CODE.indexOf(letter, from);
    from = at + 1;
    return at >= 0;
  });
}
