import { useLayoutEffect, useRef } from "react";
import { knownSuffix, learnedScanner, rememberSuffix } from "./learned";
import { strokeOf, type Stroke } from "./strokes";
import { WedgeReader } from "./wedge";

/** Who takes what a scanner types. The one that was added last is the one that counts. */
export interface Taker {
  onCode: (code: string) => void;
  /** What somebody types by hand outside of any field, as far as it is typed. */
  onSlowTyping?: (text: string) => void;
  /** Keys that are pressed outside of any field go here. */
  field?: () => HTMLInputElement | null;
  /** Goes on taking codes while a question lies over the page. */
  overQuestions?: boolean;
  /** Enter ends codes here and never presses a button, not even alone. */
  ownsEnter?: boolean;
  /** Judges the keys itself. */
  raw?: boolean;
}

/** Why a code was not taken: its keys are not those of the label, or nothing here takes codes. */
export interface Untaken {
  why: "garbled" | "question" | "nowhere";
  text: string;
}

/** So many keys this quickly, in ms from key to key, are a scanner's: fast fingers press two together, hardly four. */
const SURE_KEYS = 4;
const SURE_MS_PER_KEY = 35;
/** Three keys and silence must have come quicker. */
const FEW_KEYS = 3;
const FEW_MS_PER_KEY = 20;
/** A second suffix after a code, or a late one, presses nothing: so long after it, in ms. */
const TAIL_MS = 300;
/** Keys in a field that came with a longer pause are somebody's typing, in ms. */
const TYPING_MS = 100;

const takers: Taker[] = [];
const watchers = new Set<(untaken: Untaken | null) => void>();

type Entry = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** What a field held before the keys that may be a scanner's. */
interface Held {
  entry: Entry;
  value: string;
  caret: [number, number] | null;
}

let held: Held | null = null;
/** How quickly the keys in that field came. */
let pace = { keys: 0, msPerKey: Infinity };
/** The keys of now are a scanner's for sure, and reach nothing on the page. */
let caught = false;
/** Ends with a suffix: the form that holds the field may be sent. */
let bySuffix = false;
let lastCodeAt = -Infinity;
/** A key was left to the page, whose text follows. */
let keyed = false;
/** When the last digit of a character came that is typed by its number (Alt codes): its text tells when it was handled. */
let numberedAt: number | null = null;
/** Keys were read although an input method took them: its text says the same once more, garbled. */
let composed = false;

const reader = new WedgeReader(
  {
    onCode: (code) => {
      rememberSuffix(reader.hasSuffix);
      deliver(code);
    },
    onGarbled: (text) => {
      rememberSuffix(reader.hasSuffix);
      const taken = release();
      if (taken !== "typing") tell({ why: "garbled", text });
    },
    onSlowTyping: (text) => {
      // Into a field the keys went themselves.
      const taker = held === null ? top() : null;
      held = null;
      if (taker?.overQuestions === true || !isQuestionOpen()) taker?.onSlowTyping?.(text);
    },
  },
  knownSuffix(),
);

const top = (): Taker | null => takers.at(-1) ?? null;

const isQuestionOpen = (): boolean => document.querySelector("[aria-modal='true']") !== null;

function tell(untaken: Untaken | null): void {
  for (const watcher of watchers) watcher(untaken);
}

/** Tells of codes that were not taken, and of the next that is, with null. */
export function onUntaken(watcher: (untaken: Untaken | null) => void): () => void {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
}

/** Puts back what the field held before the scanner's keys; says whether they were a person's after all. */
function release(): "typing" | Entry | null {
  const before = held;
  const sure = caught || (pace.keys >= FEW_KEYS && pace.msPerKey <= FEW_MS_PER_KEY);
  held = null;
  caught = false;
  if (before === null) return null;
  if (!sure && !isForCodes(before.entry)) return "typing";
  if (before.entry.value !== before.value) fill(before.entry, before.value, before.caret);
  return before.entry;
}

function deliver(code: string): void {
  const where = release();
  if (where === "typing") return;
  lastCodeAt = performance.now();
  if (where !== null && where.dataset.codes !== undefined) {
    const own = new CustomEvent("code", { detail: code, cancelable: true });
    if (!where.dispatchEvent(own)) return tell(null);
    const above = where instanceof HTMLTextAreaElement && where.value.trim() !== "" ? `${where.value}\n` : "";
    tell(null);
    fill(where, above + code.replace(/[\r\n\t]+/gu, " "), null);
    if (bySuffix && where instanceof HTMLInputElement) where.form?.requestSubmit();
    return;
  }
  const taker = top();
  const inQuestion = taker?.overQuestions !== true && isQuestionOpen();
  if (taker === null || inQuestion) return tell({ why: inQuestion ? "question" : "nowhere", text: code });
  tell(null);
  taker.onCode(code);
}

function fill(entry: Entry, value: string, caret: Held["caret"]): void {
  entry.value = value;
  entry.dispatchEvent(new Event("input", { bubbles: true }));
  if (entry instanceof HTMLSelectElement) entry.dispatchEvent(new Event("change", { bubbles: true }));
  else if (caret !== null) entry.setSelectionRange(...caret);
}

const NO_TEXT = [
  "button",
  "checkbox",
  "color",
  "file",
  "hidden",
  "image",
  "radio",
  "range",
  "reset",
  "submit",
];

/** The field of the page that keys go into by themselves; not the one that is only there for scanners. */
function entryOf(target: EventTarget | null): Entry | null {
  if (!(target instanceof Element)) return null;
  const entry = target.closest<Entry>("input, textarea, select");
  if (entry === null || entry.classList.contains("scanner-field")) return null;
  return entry instanceof HTMLInputElement && NO_TEXT.includes(entry.type) ? null : entry;
}

/** Fields in which quick keys are a code without further proof. */
const isForCodes = (entry: Entry): boolean => entry.dataset.codes !== undefined || entry === top()?.field?.();

function hold(entry: Entry): void {
  const caret: Held["caret"] =
    !(entry instanceof HTMLSelectElement) && entry.selectionStart !== null && entry.selectionEnd !== null
      ? [entry.selectionStart, entry.selectionEnd]
      : null;
  held = { entry, value: entry.value, caret };
}

/** From key to key, in ms: what is a scanner's for sure on this device. */
function sureMsPerKey(entry: Entry | null): number {
  const own = learnedScanner().msPerKey ?? 0;
  return Math.max(
    SURE_MS_PER_KEY,
    Math.min(own * 1.5, TYPING_MS),
    entry !== null && isForCodes(entry) ? 45 : 0,
  );
}

function stop(event: Event): void {
  event.preventDefault();
  event.stopImmediatePropagation();
}

function onKeyDown(event: KeyboardEvent): void {
  if (top()?.raw === true) return;
  keyed = false;
  composed = false;
  if (!event.altKey) numberedAt = null;
  const at = event.timeStamp;
  // A code that is over is delivered first: the field then holds what it held before, and this key begins another.
  reader.flush(at);
  if (caught && !reader.busy) release();
  if (event.repeat) return caught ? stop(event) : undefined;
  const stroke = strokeOf(event);
  const late = !reader.busy && performance.now() - lastCodeAt < TAIL_MS;
  if (stroke === null || (stroke.control === true && !isNow(at))) {
    // Alt and digits are a character of their own, which comes as text.
    if (isModifier(event.key)) return;
    if (event.altKey) {
      if (event.code.startsWith("Numpad")) {
        numberedAt = at;
        reader.goOn();
      }
      return;
    }
    // Function keys and the like within a code are the scanner's.
    if (caught || (late && stroke !== null)) stop(event);
    else if (held !== null) reader.clear();
    return;
  }
  if (late && isLineEnd(stroke)) return stop(event);
  let entry = entryOf(event.target);
  const field = top()?.field?.() ?? null;
  const leads = !isLineEnd(stroke) && stroke.moves !== true && !presses(event);
  if (entry === null && field !== null && leads && !isQuestionOpen()) {
    field.focus({ preventScroll: true });
    entry = field;
  }
  composed = event.isComposing || stroke.key === null;
  if (entry === null) outside(event, stroke, at);
  else inside(entry, event, stroke, at);
}

const isLineEnd = ({ key }: Stroke): boolean => key === "\n" || key === "\t";

const isModifier = (key: string): boolean =>
  /^(?:Shift|Control|Alt|AltGraph|Meta|CapsLock|NumLock)$/u.test(key);

/** Keys come as quickly as a scanner's. */
const isNow = (at: number): boolean => reader.busy && at - reader.lastAt <= TYPING_MS;

/** Space presses the button or the link that has the focus. */
const presses = (event: KeyboardEvent): boolean =>
  event.key === " " &&
  event.target instanceof Element &&
  event.target.closest("button, a, label, summary") !== null;

/** No field has the focus: the keys are read here. */
function outside(event: KeyboardEvent, stroke: Stroke, at: number): void {
  if (held !== null) reader.clear();
  held = null;
  const taker = top();
  const patient = taker?.ownsEnter === true;
  reader.quick = !patient;
  const next = isNow(at);
  bySuffix = isLineEnd(stroke);
  if (bySuffix) {
    if (!next && !patient) reader.clear();
    const taken = reader.press(stroke, at);
    if (taken || (patient && stroke.key === "\n")) stop(event);
    return;
  }
  if (!reader.busy && presses(event)) return;
  const first = !reader.busy;
  reader.press(stroke, at);
  caught = next;
  // A first key that scrolls may still be somebody's, and without a taker each key that comes alone.
  if (next || (taker !== null && !(first && stroke.moves === true))) event.preventDefault();
}

/** Whether a key or text at `at` belongs to what is half typed; a scanner that stumbles in a field for codes types one. */
const goesOn = (entry: Entry, at: number): boolean =>
  held?.entry === entry && (caught || isNow(at) || (isForCodes(entry) && reader.maybeScanner));

/** A field has the focus: its keys stay in it until they are a scanner's for sure. */
function inside(entry: Entry, event: KeyboardEvent, stroke: Stroke, at: number): void {
  if (!goesOn(entry, at)) {
    reader.clear();
    hold(entry);
    caught = false;
  }
  pace = reader.pace(at);
  pace.keys += 1;
  bySuffix = isLineEnd(stroke);
  if (bySuffix) {
    if (!caught && (pace.keys === 1 || pace.msPerKey > sureMsPerKey(entry))) return reader.clear();
    caught = true;
  } else caught ||= pace.keys >= SURE_KEYS && pace.msPerKey <= sureMsPerKey(null);
  reader.quick = !caught && !isForCodes(entry);
  reader.press(stroke, at);
  if (caught) stop(event);
  else keyed = true;
}

/** When text was typed that the page handles at `handledAt`. */
function timeOfText(handledAt: number): number {
  const at = numberedAt ?? handledAt;
  numberedAt = null;
  return at;
}

/** Text without keys: a character by its number (Alt codes), or whole codes of a scanner service. */
function onBeforeInput(event: InputEvent): void {
  if (keyed || composed || event.data === null || event.inputType !== "insertText") return;
  const entry = entryOf(event.target);
  if (entry === null || top()?.raw === true) return;
  const at = timeOfText(event.timeStamp);
  reader.flush(at);
  if (!goesOn(entry, at)) {
    const single = Array.from(event.data).length === 1 && isForCodes(entry);
    if (!single && entry !== top()?.field?.()) return;
    reader.clear();
    hold(entry);
    caught = false;
    reader.quick = false;
  }
  reader.text(event.data, at);
  pace = reader.pace(at);
  if (caught) event.preventDefault();
  else keyed = true;
}

/** Text that came without keys, from an input method or a scanner service; into no field that somebody sees. */
export function takeText(text: string, at: number): void {
  held = null;
  bySuffix = /[\r\n\t]$/u.test(text);
  reader.text(text, timeOfText(at));
}

/** Whether this text in a field is what a key typed that was read already. */
export function isTyped(): boolean {
  const was = keyed || composed;
  keyed = false;
  composed = false;
  return was;
}

/** Reads the keys of the page from now on, before anything else does. */
export function readKeys(): void {
  addEventListener("keydown", onKeyDown, true);
  addEventListener("beforeinput", onBeforeInput, true);
  // A page in the background runs its timers late.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") reader.complete();
  });
}

/** Whoever is shown takes what is scanned, as long as `active`. */
export function useTaker(taker: Taker, active: boolean, last = false): void {
  const latest = useRef(taker);
  latest.current = taker;
  useLayoutEffect(() => {
    if (!active) return;
    const mine: Taker = {
      ...latest.current,
      onCode: (code) => latest.current.onCode(code),
      ...(latest.current.onSlowTyping && {
        onSlowTyping: (text: string) => latest.current.onSlowTyping?.(text),
      }),
    };
    if (last) takers.unshift(mine);
    else takers.push(mine);
    return () => {
      // Keys that came while a text field was on its way belong into that field.
      if (top() === mine && held === null) {
        const rest = reader.settle();
        if (rest !== "") mine.onSlowTyping?.(rest);
      }
      takers.splice(takers.indexOf(mine), 1);
    };
  }, [active, last]);
}
