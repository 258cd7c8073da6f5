import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Learned } from "./learned";
import { WedgeReader } from "./wedge";

const UNKNOWN: Learned = { layout: null, prefix: "", suffix: "", msPerKey: null };

let codes: string[];
let garbled: string[];
let typed: string[];
let reader: WedgeReader;
let now: number;

beforeEach(() => {
  vi.useFakeTimers();
  codes = [];
  garbled = [];
  typed = [];
  now = 1_000;
  meet(false);
});

/** A reader that knows this of its scanner. */
function meet(suffixed: boolean | null, learned = UNKNOWN): void {
  reader = new WedgeReader(
    {
      onCode: (code) => codes.push(code),
      onGarbled: (text) => garbled.push(text),
      onSlowTyping: (text) => typed.push(text),
    },
    suffixed,
    () => learned,
  );
}

const ENDS: Record<string, string | undefined> = { Enter: "\n", Tab: "\t" };

/** One key, whose place on the keyboard is not known. */
const press = (key: string, at: number) => reader.press({ key: ENDS[key] ?? key, us: null }, at);
/** No scanner reads two labels sooner after one another, in ms. */
const APART = 60;

afterEach(() => vi.useRealTimers());

/** Types keys as a scanner or a person does; the clock runs. */
function type(keys: string, msPerKey: number, suffix?: string): void {
  for (const key of keys) {
    now += msPerKey;
    vi.advanceTimersByTime(msPerKey);
    press(key, now);
  }
  if (suffix === undefined) return;
  now += msPerKey;
  vi.advanceTimersByTime(msPerKey);
  press(suffix, now);
  // What follows sooner belongs to the same label.
  now += APART;
  vi.advanceTimersByTime(APART);
}

test.each(["Enter", "Tab", "\n"])("%j ends a code", (suffix) => {
  type("SB00012", 10, suffix);
  expect(codes).toEqual(["SB00012"]);
});

test("two scans as soon as a scanner can stay two", () => {
  type("SB1", 7, "Enter");
  type("SB2", 7, "Enter");
  expect(codes).toEqual(["SB1", "SB2"]);
});

test("a single letter with a suffix is a code", () => {
  type("7", 10, "Enter");
  expect(codes).toEqual(["7"]);
});

test("a scanner without a suffix ends a code by its pause", () => {
  type("SB00012", 12);
  vi.advanceTimersByTime(140);
  expect(codes).toEqual(["SB00012"]);
});

test("a pause between two scans splits them even when the page was busy", () => {
  // No timer ran: all keys were handled late, but their own times tell them apart.
  for (const [index, key] of Array.from("SB1").entries()) press(key, 1_000 + index * 10);
  for (const [index, key] of Array.from("SB2").entries()) press(key, 1_300 + index * 10);
  vi.advanceTimersByTime(140);
  expect(codes).toEqual(["SB1", "SB2"]);
});

test("a scanner known for its suffix may stumble without having its code torn in two", () => {
  type("SB1", 10, "Enter");
  type("SB", 10);
  now += 250;
  vi.advanceTimersByTime(600);
  type("2", 10, "Enter");
  expect(codes).toEqual(["SB1", "SB2"]);
  // Another scanner, without a suffix: its first code waits a little longer, the next no more.
  type("SB3", 10);
  vi.advanceTimersByTime(840);
  type("SB4", 10);
  vi.advanceTimersByTime(140);
  expect(codes).toEqual(["SB1", "SB2", "SB3", "SB4"]);
});

test("the first code of an unknown scanner may stumble too", () => {
  meet(null);
  type("SB", 10);
  now += 250;
  vi.advanceTimersByTime(250);
  type("1", 10, "Enter");
  expect(codes).toEqual(["SB1"]);
});

test.each([true, null])("scans without a suffix never merge, whatever was known: %s", (suffixed) => {
  meet(suffixed);
  for (const code of ["SB1", "SB2", "SB3"]) {
    type(code, 10);
    now += 150;
    vi.advanceTimersByTime(150);
  }
  vi.advanceTimersByTime(840);
  expect(codes).toEqual(["SB1", "SB2", "SB3"]);
  // Now it is known: the next one waits no longer than it must.
  now += 840;
  type("SB4", 10);
  vi.advanceTimersByTime(140);
  expect(codes).toEqual(["SB1", "SB2", "SB3", "SB4"]);
});

test("keys that lie behind a timer of a page that stood still belong to their code", () => {
  type("SB", 10);
  // For half a second nothing runs; then the timer does, and the keys that were typed meanwhile after it.
  const stood = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 500);
  vi.advanceTimersByTime(135);
  stood.mockRestore();
  press("1", now + 10);
  press("Enter", now + 20);
  vi.advanceTimersByTime(APART);
  expect(codes).toEqual(["SB1"]);
});

test("a late key still belongs to its code", () => {
  press("S", 1_000);
  press("B", 1_010);
  vi.advanceTimersByTime(PAUSE_AND_A_BIT);
  press("1", 1_020);
  vi.advanceTimersByTime(200);
  expect(codes).toEqual(["SB1"]);
});
const PAUSE_AND_A_BIT = 110;

test("a slow scanner with a suffix is not cut to pieces by hand-typing", () => {
  type("S", 10);
  vi.advanceTimersByTime(500);
  expect(codes).toEqual([]);
  expect(typed).toEqual(["S"]);
});

test("what a person types is offered as typing, never taken as a code", () => {
  type("SB", 90);
  vi.advanceTimersByTime(200);
  expect(codes).toEqual([]);
  expect(typed).toEqual(["SB"]);
});

test("text from a scanner service comes whole, with or without line feed", () => {
  reader.text("SB1\n", 1_000);
  vi.advanceTimersByTime(APART);
  reader.text("LABEL 1\r\nLOT 2\n", 1_300);
  vi.advanceTimersByTime(APART);
  reader.text("SB3", 1_600);
  expect(codes).toEqual(["SB1", "LABEL 1\nLOT 2"]);
  vi.advanceTimersByTime(840);
  expect(codes).toEqual(["SB1", "LABEL 1\nLOT 2", "SB3"]);
});

test("a suffix alone is nothing", () => {
  for (const key of ["Enter", "Tab"]) press(key, 1_000);
  vi.advanceTimersByTime(200);
  expect([...codes, ...typed]).toEqual([]);
  expect(reader.busy).toBe(false);
});

/** Keys 6 ms apart, as one label with line ends inside. */
function label(text: string, msPerKey = 6): void {
  for (const key of text) {
    now += msPerKey;
    vi.advanceTimersByTime(msPerKey);
    press(key, now);
  }
}

test.each(["\n", "\t"])("what follows %j at once belongs to the same label", (by) => {
  label(`LABEL NO. 0068511${by}LOT NO. 68515${by}AB\n`);
  expect(codes).toEqual([]);
  vi.advanceTimersByTime(24);
  expect(codes).toEqual([]);
  vi.advanceTimersByTime(2);
  expect(codes).toEqual([`LABEL NO. 0068511${by}LOT NO. 68515${by}AB`]);
});

test("lines that end with CR LF are one label, and wait no longer than 50 ms", () => {
  label("A1\n\nB2\n\n", 20);
  vi.advanceTimersByTime(51);
  expect(codes).toEqual(["A1\nB2"]);
});

test("a line that is handled late belongs to its label all the same", () => {
  label("A1\n");
  const stood = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 500);
  vi.advanceTimersByTime(26);
  stood.mockRestore();
  press("B", now + 6);
  press("2", now + 12);
  press("Enter", now + 18);
  vi.advanceTimersByTime(APART);
  expect(codes).toEqual(["A1\nB2"]);
});

test("what is over when the next key is handled is delivered before that key is looked at", () => {
  const keys = ["S", "B", "1", "Enter"];
  for (const [index, key] of keys.entries()) press(key, 1_000 + index * 6);
  reader.flush(1_030);
  expect(codes).toEqual([]);
  reader.flush(1_200);
  expect(codes).toEqual(["SB1"]);
  for (const [index, key] of keys.entries()) press(key, 1_200 + index * 6);
  vi.runAllTimers();
  expect(codes).toEqual(["SB1", "SB1"]);
});

test("a page that ends lets go of a code whose suffix came", () => {
  label("A1\n");
  expect(reader.settle()).toBe("");
  expect(codes).toEqual(["A1"]);
  label("SB");
  expect(reader.settle()).toBe("SB");
});

test("a scanner that was found to be slow is heeded as one", () => {
  meet(true, { ...UNKNOWN, msPerKey: 70, prefix: "~", suffix: "#" });
  label("~A1\nB2#\n", 70);
  vi.advanceTimersByTime(150);
  expect(codes).toEqual(["A1\nB2"]);
});

test("what nobody can read is garbled when a scanner typed it, and what it says by hand", () => {
  const keys = Array.from("SY12", (key) => ({ key: key === "Y" ? "Z" : key, us: key }));
  const say = (ms: number) => {
    for (const key of keys) reader.press(key, (now += ms));
    reader.press({ key: "\n", us: "\n" }, (now += ms));
    vi.advanceTimersByTime(APART);
  };
  say(6);
  expect([codes, garbled]).toEqual([[], ["SZ12"]]);
  say(180);
  expect(codes).toEqual(["SZ12"]);
});

test("letters of every script are keys", () => {
  type("बैग१", 10, "Enter");
  type("🅰1", 10, "Enter");
  expect(codes).toEqual(["बैग१", "🅰1"]);
});
