/**
 * Keys as a scanner presses them: the character that the computer made of each, and the one that the same key has on
 * a US keyboard, which is what a scanner types unless somebody set it otherwise.
 */

/** One key that stands for a character. */
export interface Stroke {
  /** What the computer's keyboard language makes of the key; null where it makes none (a dead key, an input method). */
  key: string | null;
  /** What the key is on a US keyboard; null where there is no such key, or the text came without keys. */
  us: string | null;
  /** A key of the digit row, pressed with Shift or without; null for any other key. */
  row?: "shifted" | "plain" | null;
  /** A key that moves the caret unless it comes from a scanner: the keypad without Num Lock. */
  moves?: boolean;
  /** Typed with Ctrl, as some scanners send control characters. */
  control?: boolean;
}

/** Which of the two readings a scanner's keys have, as the set-up page learned it. */
export type Layout = "us" | "printed";

type Keys = Readonly<Record<string, string | undefined>>;

/** What each key types without and with Shift. */
const US: Keys = {
  Backquote: "`~",
  Minus: "-_",
  Equal: "=+",
  BracketLeft: "[{",
  BracketRight: "]}",
  Backslash: "\\|",
  Semicolon: ";:",
  Quote: "'\"",
  Comma: ",<",
  Period: ".>",
  Slash: "/?",
  Space: "  ",
  ...Object.fromEntries(Array.from(")!@#$%^&*(", (sign, digit) => [`Digit${digit}`, `${digit}${sign}`])),
  ...Object.fromEntries(
    Array.from("abcdefghijklmnopqrstuvwxyz", (letter) => [
      `Key${letter.toUpperCase()}`,
      letter + letter.toUpperCase(),
    ]),
  ),
};

const KEYPAD: Keys = {
  NumpadDecimal: ".",
  NumpadAdd: "+",
  NumpadSubtract: "-",
  NumpadMultiply: "*",
  NumpadDivide: "/",
  NumpadEqual: "=",
  NumpadComma: ",",
  ...Object.fromEntries(Array.from("0123456789", (digit) => [`Numpad${digit}`, digit])),
};

/** What the keypad's keys are called without Num Lock. */
const MOVES: Keys = {
  Insert: "0",
  End: "1",
  ArrowDown: "2",
  PageDown: "3",
  ArrowLeft: "4",
  Clear: "5",
  ArrowRight: "6",
  Home: "7",
  ArrowUp: "8",
  PageUp: "9",
  Delete: ".",
};

/** Control characters whose keys are no letters. */
const CONTROLS: Keys = {
  BracketLeft: "\u001b",
  Backslash: "\u001c",
  BracketRight: "\u001d",
  Digit6: "\u001e",
  Minus: "\u001f",
};

/** Keys that an input method has taken for itself. */
const TAKEN: readonly string[] = ["Process", "Unidentified", "Dead"];

type Pressed = Pick<
  KeyboardEvent,
  | "key"
  | "code"
  | "location"
  | "shiftKey"
  | "ctrlKey"
  | "altKey"
  | "metaKey"
  | "isComposing"
  | "getModifierState"
>;

/** The character that a key stands for, `"\n"` or `"\t"` where it may end a code; null for every other key. */
export function strokeOf(event: Pressed): Stroke | null {
  const { key, code } = event;
  const alternate = event.getModifierState("AltGraph");
  if (event.metaKey || (event.altKey && !alternate)) return null;
  if (event.ctrlKey && !alternate) return controlOf(event);
  const taken = event.isComposing || TAKEN.includes(key);
  if (key === "Enter" || (taken && (code === "Enter" || code === "NumpadEnter"))) return only("\n");
  if (key === "Tab" || (taken && code === "Tab")) return only("\t");

  const onKeypad = KEYPAD[code] ?? (code === "" && event.location === 3 ? MOVES[key] : undefined);
  if (onKeypad !== undefined && Array.from(key).length > 1)
    return { key: onKeypad, us: onKeypad, moves: !taken };
  // The keyboard of a scanner that does not say which keys these are: a digit that is lost.
  if (code === "" && MOVES[key] !== undefined) return { key: null, us: null, moves: true };

  const [plain, shifted] = onKeypad === undefined ? Array.from(US[code] ?? "") : [onKeypad, onKeypad];
  const row = !code.startsWith("Digit") || alternate ? null : event.shiftKey ? "shifted" : "plain";
  // A key that gives its upper sign without Shift was not pressed on a keyboard.
  const us = alternate ? undefined : event.shiftKey || key === shifted ? shifted : plain;
  if (taken) return us === undefined ? null : { key: null, us, row };
  // Some keys of Indian keyboards give two characters; named keys are in ASCII.
  return Array.from(key).length === 1 || /[^\x20-\x7e]/u.test(key) ? { key, us: us ?? null, row } : null;
}

const only = (text: string): Stroke => ({ key: text, us: text });

function controlOf({ code }: Pressed): Stroke | null {
  const letter = /^Key([A-Z])$/u.exec(code)?.[1];
  const text = letter === undefined ? CONTROLS[code] : String.fromCharCode(letter.charCodeAt(0) - 64);
  if (text === undefined) return null;
  return { ...only(text === "\r" ? "\n" : text), control: true };
}

/** Scripts of keyboards that no scanner types: their keys are always those of a US keyboard. */
const INDIC =
  /^[\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\u0964\u0965\u200c\u200d]+$/u;
/** What stands on labels between letters and digits, and on the digit row of some keyboards. */
const BETWEEN = "-_/.";

/**
 * What a scanner typed. Where the computer's reading and a US keyboard's differ, the digit row tells which is right: a
 * scanner presses Shift for a digit only where the keyboard wants it. Null where nothing tells: perhaps garbled.
 */
export function readStrokes(strokes: readonly Stroke[], layout: Layout | null): string | null {
  const differing = strokes.filter(({ key, us }) => us !== null && !isSame(key, us));
  if (layout !== null && differing.length > 0) return join(strokes, layout);
  if (differing.length === 0) return join(strokes, "printed");
  const row = differing.filter((stroke) => stroke.row != null);
  const printedDigits = row.filter(({ key, us }) => isDigit(key) && !isDigit(us));
  const usDigits = row.filter(({ key, us }) => isDigit(us) && !isDigit(key));
  const telling = usDigits.some(({ key }) => key !== null && !BETWEEN.includes(key));
  if (printedDigits.length > 0) return telling ? null : join(strokes, "printed");
  if (telling) return join(strokes, "us");
  // A key without a character says nothing; the others must all be alike or of a script that no scanner has.
  const others = differing.filter(({ key }) => key !== null);
  return others.every(({ key }) => INDIC.test(key ?? "")) ? join(strokes, "us") : null;
}

const isSame = (one: string | null, other: string): boolean => one?.toLowerCase() === other.toLowerCase();
const isDigit = (text: string | null): boolean => text !== null && /^[0-9]$/u.test(text);

function join(strokes: readonly Stroke[], layout: Layout): string | null {
  let text = "";
  for (const { key, us } of strokes) {
    const one = layout === "us" && us !== null && !isSame(key, us) ? us : key;
    if (one === null) return null;
    text += one;
  }
  return text;
}

/** What a person typed: the computer's characters, without the keys that only move the caret. */
export const typedText = (strokes: readonly Stroke[]): string =>
  strokes.map(({ key, us, moves }) => (moves === true ? "" : (key ?? us ?? ""))).join("");

/** What is shown of keys that cannot be read: as they came. */
export const arrivedText = (strokes: readonly Stroke[]): string =>
  strokes.map(({ key, us }) => key ?? us ?? "\ufffd").join("");
