import { expect, test } from "vitest";
import { readStrokes, strokeOf, typedText, type Layout, type Stroke } from "./strokes";

interface Key {
  key: string;
  code?: string;
  shift?: boolean;
  altGraph?: boolean;
  ctrl?: boolean;
  alt?: boolean;
  composing?: boolean;
  location?: number;
}

const pressed = ({
  key,
  code = "",
  shift,
  altGraph,
  ctrl,
  alt,
  composing,
  location = 0,
}: Key): Stroke | null =>
  strokeOf({
    key,
    code,
    location,
    shiftKey: shift ?? false,
    ctrlKey: (ctrl ?? false) || (altGraph ?? false),
    altKey: (alt ?? false) || (altGraph ?? false),
    metaKey: false,
    isComposing: composing ?? false,
    getModifierState: (name) => name === "AltGraph" && altGraph === true,
  });

/** The key of a US keyboard that has this character. */
function place(letter: string): { code: string; shift: boolean } {
  if (/[a-z]/i.test(letter)) return { code: `Key${letter.toUpperCase()}`, shift: /[A-Z]/.test(letter) };
  if (/[0-9]/.test(letter)) return { code: `Digit${letter}`, shift: false };
  const at = ")!@#$%^&*(".indexOf(letter);
  if (at >= 0) return { code: `Digit${at}`, shift: true };
  const code = { "-": "Minus", _: "Minus", "/": "Slash", ".": "Period", ":": "Semicolon", " ": "Space" }[
    letter
  ];
  return { code: code ?? "", shift: "_:".includes(letter) };
}

/** What a US scanner's keys become on a keyboard whose characters for `from` are `to`. */
function scanned(label: string, from = "", to: readonly string[] = []): Stroke[] {
  return Array.from(label, (letter) => {
    const { code, shift } = place(letter);
    const stroke = pressed({ key: to[Array.from(from).indexOf(letter)] ?? letter, code, shift });
    if (stroke === null) throw new Error(letter);
    return stroke;
  });
}

const FRENCH_FROM = "1234567890AaQqZzWwMm-_:/.";
const FRENCH_TO = Array.from(`&é"'(-è_çàQqAaWwZz?,)°M!:`);

test.each(["SB67876", "SB00012", "M444-00017", "QW-1", "a/b.c_d-1"])(
  "%s of a US scanner on French keys",
  (label) => expect(readStrokes(scanned(label, FRENCH_FROM, FRENCH_TO), null)).toBe(label),
);

test("a French scanner on French keys is read as it was printed", () => {
  const keys = [
    { key: "M", code: "Semicolon", shift: true },
    { key: "4", code: "Digit4", shift: true },
    { key: "-", code: "Digit6" },
    { key: "1", code: "Digit1", shift: true },
    { key: "@", code: "Digit0", altGraph: true },
  ];
  expect(
    readStrokes(
      keys.flatMap((key) => pressed(key) ?? []),
      null,
    ),
  ).toBe("M4-1@");
});

const INSCRIPT_FROM = "SBsba";
const INSCRIPT_TO = ["ए", "ऴ", "े", "व", "ो"];

test("Hindi keys are read, and characters of two as well", () => {
  expect(readStrokes(scanned("SB67878", INSCRIPT_FROM, INSCRIPT_TO), null)).toBe("SB67878");
  const two = pressed({ key: "ज्ञ", code: "Digit5", shift: true });
  expect(readStrokes([...scanned("S", INSCRIPT_FROM, INSCRIPT_TO), ...(two ? [two] : [])], null)).toBe("S%");
});

test.each([
  ["a German keyboard", "SY-12", "Yy-", ["Z", "z", "ß"]],
  ["a Russian keyboard", "SB12", "SB", ["Ы", "И"]],
  ["French keys without digits", "QA", FRENCH_FROM, FRENCH_TO],
  ["French keys with digits that may be dashes", "SB68", FRENCH_FROM, FRENCH_TO],
])("%s does not tell what was scanned, unless this device has learned it", (_name, label, from, to) => {
  const keys = scanned(label, from, [...to]);
  expect(readStrokes(keys, null)).toBeNull();
  expect(readStrokes(keys, "us")).toBe(label);
  expect(readStrokes(keys, "printed")).toBe(typedText(keys));
});

test.each<Layout | null>([null, "us", "printed"])(
  "plain keys are plain, whatever was learned: %s",
  (layout) => {
    expect(readStrokes(scanned("TT:sb_12-/."), layout)).toBe("TT:sb_12-/.");
    // Caps Lock.
    expect(readStrokes(scanned("SB12", "SB", ["s", "b"]), layout)).toBe("sb12");
    // An Android keyboard that has no keys.
    expect(readStrokes([{ key: "ब", us: null }], layout)).toBe("ब");
  },
);

test("digits of the keypad without Num Lock are digits", () => {
  const moves = [
    "Insert",
    "End",
    "ArrowDown",
    "PageDown",
    "ArrowLeft",
    "Clear",
    "ArrowRight",
    "Home",
    "ArrowUp",
  ];
  const keys = moves.flatMap((key, digit) => pressed({ key, code: `Numpad${digit}` }) ?? []);
  expect(readStrokes(keys, null)).toBe("012345678");
  expect(readStrokes([pressed({ key: "End", location: 3 }) ?? []].flat(), null)).toBe("1");
  expect(typedText(keys)).toBe("");
});

test("a digit that is lost garbles the code", () => {
  const lost = pressed({ key: "End" });
  expect(readStrokes([...scanned("SB"), ...(lost ? [lost] : [])], null)).toBeNull();
});

test("an input method hides the character and not the key", () => {
  const keys = ["KeyS", "KeyB", "Digit6"].flatMap((code) => pressed({ key: "Process", code }) ?? []);
  expect(readStrokes(keys, null)).toBe("sb6");
  expect(pressed({ key: "Process", code: "Enter", composing: true })?.key).toBe("\n");
  expect(pressed({ key: "Unidentified", code: "" })).toBeNull();
});

test("control keys of scanners are the characters they stand for", () => {
  expect(pressed({ key: "j", code: "KeyJ", ctrl: true })?.key).toBe("\n");
  expect(pressed({ key: "m", code: "KeyM", ctrl: true })?.key).toBe("\n");
  expect(pressed({ key: "]", code: "BracketRight", ctrl: true })).toEqual({
    key: "\u001d",
    us: "\u001d",
    control: true,
  });
});

test("keys of Alt codes, of the keyboard itself and of the computer are none", () => {
  expect(pressed({ key: "6", code: "Numpad6", alt: true })).toBeNull();
  for (const key of ["Shift", "F8", "CapsLock", "Escape"]) expect(pressed({ key, code: key })).toBeNull();
});
