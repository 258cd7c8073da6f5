import { beforeEach, expect, test } from "vitest";
import type { Bag, BagRef, ScanOnServer } from "@/shared/api/types";
import type { NewScan, ScanRecord } from "@/shared/queue/records";
import { withElsewhere } from "./elsewhere";
import { answerOf, canUndo, countOf, membersOf, placeAfter, toneOf, type Place } from "./packing";

const bag = (code: string, child_count = 0, kind: Bag["kind"] = "parent"): Bag => ({
  id: 1,
  code,
  kind,
  state: "open",
  area: null,
  child_count,
  expected_children: 30,
  weight_kg: 0,
  expected_weight_kg: 30,
  bag_type: null,
  lot: null,
  variety: null,
  tag: null,
  parent: null,
  bill: null,
  created_at: "2026-11-24T08:00:00Z",
  updated_at: "2026-11-24T08:00:00Z",
});

let seq = 0;
let head: string | null = null;
let scans: ScanRecord[] = [];
/** What the server said. */
let opened = new Map<string, BagRef | null>();
let cards = new Map<number, Bag>();

beforeEach(() => {
  head = null;
  scans = [];
  opened = new Map();
  cards = new Map();
});

/** The next link of the chain, not answered yet. */
function scan(what: Partial<NewScan>, more: Partial<ScanRecord> = {}): ScanRecord {
  seq += 1;
  const fresh: ScanRecord = {
    action: "scan",
    parentCode: "",
    code: null,
    ...what,
    seq,
    previous: head,
    scanId: `scan-${seq}`,
    userId: 1,
    deviceId: "d",
    scannedAt: "2026-11-24T08:00:00Z",
    state: "waiting",
    attempts: 0,
    ...more,
  };
  head = fresh.scanId;
  scans.push(fresh);
  return fresh;
}

const code = (text: string, more: Partial<ScanRecord> = {}) => scan({ code: text }, more);

/** The server's answer to a scan: this parent is open after it. */
function answer(one: ScanRecord, open: Bag | null, more: Partial<ScanRecord> = {}): ScanRecord {
  Object.assign(one, { state: "settled", outcome: "linked", open, ...(open && { card: open }), ...more });
  opened.set(one.scanId, open);
  if (open !== null) cards.set(open.id, open);
  return one;
}

const known = () => ({
  scans,
  opened: (id: string | null) => (id === null ? null : opened.get(id)),
  card: (id: number) => cards.get(id),
});

function place(): Place {
  const found = placeAfter(head, known());
  if (found === undefined) throw new Error("nobody knows what is open");
  return found;
}

/** The open parent and its count, as on screen. */
function shown(): string {
  const now = place();
  return `${now.open?.code ?? "-"} ${countOf(now, membersOf(now.open, known()))}`;
}

test("the server's word on the last answered scan, and what waits after it", () => {
  expect(shown()).toBe("- 0");
  const parent = code("P-1");
  expect(shown()).toBe("P-1 0");
  answer(parent, bag("P-1", 11), { outcome: "opened", kind: "parent" });
  expect(shown()).toBe("P-1 11");
  code("C1");
  code("c1");
  code("C2");
  expect(shown()).toBe("P-1 13");
});

test("the count does not jump when answers come, and never goes back", () => {
  answer(code("P-1"), bag("P-1", 11), { kind: "parent" });
  const [first] = [code("C1"), code("C2")];
  expect(shown()).toBe("P-1 13");
  answer(first, bag("P-1", 12), { kind: "child", inside: bag("P-1") });
  expect(shown()).toBe("P-1 13");
  // Scanned twice: it is in already.
  code("c1");
  expect(shown()).toBe("P-1 13");
});

test("an answer about an earlier parent changes nothing of the one that is open", () => {
  answer(code("P-1"), bag("P-1", 1), { kind: "parent" });
  const late = code("A2");
  const next = scan({ code: "P-2", as: "parent" });
  code("B1");
  expect(shown()).toBe("P-2 1");
  answer(late, bag("P-1", 2), { kind: "child" });
  expect(shown()).toBe("P-2 1");
  answer(next, { ...bag("P-2", 0), id: 2 }, { outcome: "created", kind: "parent" });
  expect(shown()).toBe("P-2 1");
});

test("a new chain has nothing open, whatever was open before", () => {
  answer(code("P-1"), bag("P-1", 5), { kind: "parent" });
  head = null;
  expect(shown()).toBe("- 0");
  code("P-2");
  expect(shown()).toBe("P-2 0");
});

test("what is done is not open, and undo opens it again", () => {
  answer(code("P-1"), bag("P-1", 5), { kind: "parent" });
  const done = scan({ action: "complete", parentCode: "P-1" });
  expect(shown()).toBe("- 0");
  scan({ action: "undo", about: { scanId: done.scanId, action: "complete" } });
  expect(shown()).toBe("P-1 5");
});

test("undo of a parent that was scanned by mistake gives back the one before it", () => {
  answer(code("P-1"), bag("P-1", 5), { kind: "parent" });
  const wrong = answer(code("P-2"), { ...bag("P-2", 7), id: 2 }, { kind: "parent", outcome: "opened" });
  expect(shown()).toBe("P-2 7");
  scan({ action: "undo", about: { scanId: wrong.scanId, action: "scan" } });
  expect(shown()).toBe("P-1 5");
});

test("taking out counts down, and cancels what was only waiting to go in", () => {
  answer(code("P-1"), bag("P-1", 11), { kind: "parent" });
  const inside = answer(code("C0"), bag("P-1", 12), { kind: "child", inside: bag("P-1") });
  scan({ action: "undo", about: { scanId: inside.scanId, action: "scan" } });
  expect(shown()).toBe("P-1 11");
  const waits = code("C1");
  scan({ action: "undo", about: { scanId: waits.scanId, action: "scan" } });
  expect(shown()).toBe("P-1 11");
});

test("what follows a question is counted nowhere", () => {
  answer(code("M-1"), bag("M-1", 2), { kind: "parent" });
  code("M-2", { question: { code: "kind_uncertain", status: 409, title: "", detail: "" } });
  code("c-3");
  expect(shown()).toBe("M-1 2");
});

test("a scan that was taken back, or never was one, is no link", () => {
  answer(code("P-1"), bag("P-1", 2), { kind: "parent" });
  code("C1", { state: "withdrawn" });
  code("C\u200b2", { state: "refused", kept: false });
  code("C3");
  expect(shown()).toBe("P-1 3");
});

test("a code like the open parent and like no child of it is read as the next parent", () => {
  answer(code("M444-00017"), bag("M444-00017", 0), { kind: "parent" });
  code("c-1");
  code("M444-00018");
  code("c-2");
  expect(shown()).toBe("M444-00018 1");
});

test("without the server's word nobody guesses what is open", () => {
  head = "somewhere-else";
  expect(placeAfter(head, known())).toBeUndefined();
});

test("scanning it again answers the question", () => {
  const asked = (reason: string) => ({ code: "kind_uncertain", reason, status: 409, title: "", detail: "" });
  expect(answerOf(asked("looks_like_parent"), null)).toBe("parent");
  expect(answerOf(asked("looks_like_child"), null)).toBe("parent");
  expect(answerOf(asked("unlike_children"), null)).toBe("child");
  expect(answerOf(asked("not_a_bag_code"), null)).toBe("parent");
  expect(answerOf({ ...asked(""), code: "parent_completed" }, null)).toBe("child");
});

test("outcomes are one of four", () => {
  const problem = { code: "bag_is_parent", status: 409, title: "", detail: "" };
  expect(toneOf({ outcome: "linked" })).toBe("ok");
  expect(toneOf({ outcome: "already_linked" })).toBe("already");
  expect(toneOf({ outcome: "refused", problem })).toBe("refused");
});

test("only what had an effect can be undone", () => {
  expect(canUndo(code("C1"))).toBe(true);
  const settled = answer(code("C1"), null);
  expect(canUndo(settled)).toBe(true);
  expect(canUndo({ ...settled, undone: true })).toBe(false);
  expect(canUndo({ ...settled, outcome: "already_linked" })).toBe(false);
  expect(canUndo(code("C1", { state: "refused" }))).toBe(false);
  const first = code("C1");
  const out = scan({ action: "unlink", parentCode: "P1", code: "c1" });
  expect(canUndo(first, [first, out])).toBe(false);
  expect(canUndo(code("C1"), [first, out])).toBe(true);
  const done = scan({ action: "complete", parentCode: "P1" });
  expect(canUndo({ ...done, state: "settled", outcome: "completed" })).toBe(true);
  const parent = answer(code("P2"), bag("P2"), { kind: "parent", outcome: "created" });
  expect(canUndo(parent, [settled, parent])).toBe(true);
  expect(canUndo(parent, [parent, settled])).toBe(false);
});

test("the last scans are in the order of scanning, whatever the clock said", () => {
  const ahead = code("X5", { state: "settled", scannedAt: "2026-11-25T10:00:00Z" });
  const [y1, y2] = [code("Y1"), code("Y2")];
  expect(withElsewhere([ahead, y1, y2], { items: [], seq: ahead.seq })).toEqual([y1, y2]);
  const listed = { items: [{ scan_id: ahead.scanId }] as ScanOnServer[], seq: ahead.seq };
  expect(withElsewhere([ahead, y1, y2], listed)).toEqual([ahead, y1, y2]);
});
