import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WedgeReader } from "./wedge";

let codes: string[];
let typed: string[];
let reader: WedgeReader;
let now: number;

beforeEach(() => {
  vi.useFakeTimers();
  codes = [];
  typed = [];
  now = 1_000;
  meet(false);
});

/** A reader that knows this of its scanner. */
function meet(suffixed: boolean | null): void {
  reader = new WedgeReader(
    { onCode: (code) => codes.push(code), onSlowTyping: (text) => typed.push(text) },
    suffixed,
  );
}

afterEach(() => vi.useRealTimers());

/** Types keys as a scanner or a person does; the clock runs. */
function type(keys: string, msPerKey: number, suffix?: string): void {
  for (const key of keys) {
    now += msPerKey;
    vi.advanceTimersByTime(msPerKey);
    reader.key(key, now);
  }
  if (suffix === undefined) return;
  now += msPerKey;
  vi.advanceTimersByTime(msPerKey);
  reader.key(suffix, now);
}

test.each(["Enter", "Tab", "\n"])("%j ends a code", (suffix) => {
  type("SB00012", 10, suffix);
  expect(codes).toEqual(["SB00012"]);
});

test("two scans without a gap stay two", () => {
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
  for (const [index, key] of Array.from("SB1").entries()) reader.key(key, 1_000 + index * 10);
  for (const [index, key] of Array.from("SB2").entries()) reader.key(key, 1_300 + index * 10);
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
  reader.key("1", now + 10);
  reader.key("Enter", now + 20);
  expect(codes).toEqual(["SB1"]);
});

test("a late key still belongs to its code", () => {
  reader.key("S", 1_000);
  reader.key("B", 1_010);
  vi.advanceTimersByTime(PAUSE_AND_A_BIT);
  reader.key("1", 1_020);
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
  reader.text("SB1\nSB2\r\nSB3", 1_000);
  expect(codes).toEqual(["SB1", "SB2"]);
  vi.advanceTimersByTime(840);
  expect(codes).toEqual(["SB1", "SB2", "SB3"]);
});

test("named keys and empty suffixes are nothing", () => {
  for (const key of ["Shift", "CapsLock", "F1", "Enter", "Tab"]) reader.key(key, 1_000);
  vi.advanceTimersByTime(200);
  expect([...codes, ...typed]).toEqual([]);
  expect(reader.busy).toBe(false);
});

test("letters of every script are keys", () => {
  type("बैग१", 10, "Enter");
  type("🅰1", 10, "Enter");
  expect(codes).toEqual(["बैग१", "🅰1"]);
});
