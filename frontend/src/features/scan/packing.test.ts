import { expect, test } from "vitest";
import type { Bag } from "@/shared/api/types";
import type { NewScan, ScanRecord } from "@/shared/queue/records";
import {
  afterAnswer,
  afterUndo,
  canUndo,
  countOf,
  isKnownHere,
  packingOf,
  replay,
  startPacking,
  toneOf,
  withMembers,
  type Packing,
} from "./packing";

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
function scan(what: NewScan, state: ScanRecord["state"] = "waiting"): ScanRecord {
  seq += 1;
  return {
    ...what,
    seq,
    scanId: `scan-${seq}`,
    userId: 1,
    deviceId: "d",
    scannedAt: "2026-11-24T08:00:00Z",
    state,
    attempts: 0,
  };
}
const child = (code: string, state?: ScanRecord["state"], parentCode = "P1") =>
  scan({ action: "child", parentCode, code }, state);
const parent = (code: string, state?: ScanRecord["state"]) =>
  scan({ action: "parent", parentCode: code, code: null }, state);
const complete = (code: string) => scan({ action: "complete", parentCode: code, code: null });

test("the count moves before the network, once for each new child", () => {
  const packing = withMembers(packingOf(bag("P1", 11)), ["C0"]);
  const scans = [
    child("C1"),
    child("c1"),
    child("C2"),
    child("C0"),
    child("C9", "waiting", "P2"),
    child("C8", "refused"),
  ];
  expect(countOf(packing, scans)).toBe(13);
});

test("taking out counts down, and cancels what was only waiting to go in", () => {
  const packing = withMembers(packingOf(bag("P1", 11)), ["C0"]);
  const out = (code: string) => scan({ action: "unlink", parentCode: "P1", code });
  expect(countOf(packing, [out("C0")])).toBe(10);
  expect(countOf(packing, [child("C1"), out("C1")])).toBe(11);
});

test("the count does not jump when the answer comes", () => {
  const before = packingOf(bag("P1", 11));
  const waiting = child("C12");
  expect(countOf(before, [waiting])).toBe(12);
  const after = afterAnswer(before, waiting, {
    scanId: waiting.scanId,
    outcome: "linked",
    bag: bag("C12", 0, "child"),
    parent: bag("P1", 12),
  });
  if (after === null) throw new Error("the packing is gone");
  expect(countOf(after, [{ ...waiting, state: "settled" }])).toBe(12);
  expect(isKnownHere(after, [], "c12")).toBe(true);
});

test("an answer without the parent's card still counts", () => {
  const waiting = child("C1");
  const after = afterAnswer(packingOf(bag("P1", 4)), waiting, { scanId: waiting.scanId, outcome: "linked" });
  expect(after?.bag?.child_count).toBe(5);
});

test("a duplicate is known before the server says so", () => {
  const packing = packingOf(bag("P1"));
  const waiting = [child("C1")];
  expect(isKnownHere(packing, waiting, "c1 ")).toBe(true);
  expect(isKnownHere(packing, waiting, "C2")).toBe(false);
  const out = scan({ action: "unlink", parentCode: "P1", code: "C1" });
  expect(isKnownHere(packing, [...waiting, out], "C1")).toBe(false);
});

test("a label that the server shortens stays the same parent", () => {
  const label = "https://label.example/b/P1";
  const opened = parent(label);
  const packing = afterAnswer(startPacking(label), opened, {
    scanId: opened.scanId,
    outcome: "opened",
    bag: bag("P1", 3),
  });
  if (packing === null) throw new Error("the packing is gone");
  expect(packing.code).toBe("P1");
  expect(countOf(packing, [child("C1", "waiting", label), child("C2", "waiting", "P1")])).toBe(5);
});

test("a refused parent is not packed into", () => {
  const opened = parent("C7");
  const problem = { code: "bag_is_child", status: 409, title: "", detail: "" };
  expect(
    afterAnswer(startPacking("C7"), opened, { scanId: opened.scanId, outcome: "refused", problem }),
  ).toBeNull();
});

test("undo takes the count back", () => {
  const packing = withMembers(packingOf(bag("P1", 12)), ["C1"]);
  const done = { ...child("C1", "settled"), outcome: "linked" };
  expect(afterUndo(packing, done, bag("P1", 11)).bag?.child_count).toBe(11);
  expect(afterUndo(packing, done, null).bag?.child_count).toBe(11);
  expect(isKnownHere(afterUndo(packing, done, null), [], "C1")).toBe(false);
});

test("after a reload the parent is the one of the last scans", () => {
  const codeOf = (packing: Packing | null) => packing?.code ?? null;
  const server = packingOf(bag("P1", 5));
  expect(codeOf(replay(server, []))).toBe("P1");
  expect(codeOf(replay(server, [parent("P2"), child("C1", "waiting", "P2")]))).toBe("P2");
  expect(codeOf(replay(server, [complete("P1")]))).toBeNull();
  expect(codeOf(replay(server, [complete("P1"), parent("P3")]))).toBe("P3");
  expect(codeOf(replay(server, [parent("P2", "refused")]))).toBe("P1");
  expect(replay(server, [parent("p1")])).toBe(server);
});

test("outcomes are one of four", () => {
  const problem = { code: "bag_is_parent", status: 409, title: "", detail: "" };
  expect(toneOf({ outcome: "linked" })).toBe("ok");
  expect(toneOf({ outcome: "already_linked" })).toBe("already");
  expect(toneOf({ outcome: "refused", problem })).toBe("refused");
});

test("only what had an effect can be undone", () => {
  expect(canUndo(child("C1"))).toBe(true);
  expect(canUndo({ ...child("C1", "settled"), outcome: "linked" })).toBe(true);
  expect(canUndo({ ...child("C1", "settled"), outcome: "linked", undone: true })).toBe(false);
  expect(canUndo({ ...child("C1", "settled"), outcome: "already_linked" })).toBe(false);
  expect(canUndo(child("C1", "refused"))).toBe(false);
  const first = child("C1");
  const out = scan({ action: "unlink", parentCode: "P1", code: "c1" });
  expect(canUndo(first, [first, out])).toBe(false);
  expect(canUndo(child("C1"), [first, out])).toBe(true);
  expect(canUndo({ ...complete("P1"), state: "settled", outcome: "completed" })).toBe(true);
});
