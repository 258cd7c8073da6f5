import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiProblem, Unreachable } from "@/shared/api/problems";
import type { Problem } from "@/shared/api/types";
import { ScanSender, type Keep, type WaitingScan } from "./ScanSender";

const problem = (code: string, status: number): ApiProblem =>
  new ApiProblem({ code, status, title: "", detail: "" });

let kept: Map<string, WaitingScan & { problem?: Problem }>;
let told: string[];
let sent: WaitingScan[];
let answers: ((scan: WaitingScan) => string)[];

const keep: Keep = {
  load: () => Promise.resolve([...kept.values()]),
  put: (scan, why) => Promise.resolve(void kept.set(scan.scan_id, { ...scan, ...(why && { problem: why }) })),
  drop: (scanId) => Promise.resolve(void kept.delete(scanId)),
};

function sender(): ScanSender<string> {
  return new ScanSender<string>(
    (scan) => {
      sent.push(scan);
      const answer = answers.shift() ?? (({ code }) => code);
      return Promise.resolve().then(() => answer(scan));
    },
    {
      onAnswer: (_scan, answer) => void told.push(answer),
      onRefused: (scan, why: Problem) => void told.push(`${scan.code}: ${why.code}`),
      onLeft: (scan, why) => void told.push(`${scan.code} left: ${why.code}`),
      onWaiting: () => undefined,
    },
    keep,
  );
}

beforeEach(() => {
  vi.useFakeTimers();
  kept = new Map();
  told = [];
  sent = [];
  answers = [];
});

afterEach(() => vi.useRealTimers());

test("scans are answered in the order in which they came", async () => {
  const line = sender();
  line.start();
  for (const code of ["P1", "P2", "P3"]) line.add(code);
  await vi.runAllTimersAsync();
  expect(told).toEqual(["P1", "P2", "P3"]);
  expect(kept.size).toBe(0);
});

test("a lost answer is asked for again with the same scan id", async () => {
  const line = sender();
  line.start();
  answers.push(() => {
    throw new Unreachable();
  });
  line.add("P1");
  await vi.runAllTimersAsync();
  expect(told).toEqual(["P1"]);
  expect(sent.map((scan) => scan.scan_id)).toEqual([sent[0]?.scan_id, sent[0]?.scan_id]);
});

test("busy is not a no, and a no is told once", async () => {
  const line = sender();
  line.start();
  answers.push(
    () => {
      throw problem("busy", 503);
    },
    () => {
      throw problem("too_slow", 408);
    },
    () => {
      throw problem("bag_is_child", 409);
    },
  );
  line.add("C1");
  await vi.runAllTimersAsync();
  expect(told).toEqual(["C1: bag_is_child"]);
  expect(sent).toHaveLength(3);
});

test("what waits survives a reload of the page", async () => {
  const before = sender();
  answers.push(() => {
    throw new Unreachable();
  });
  before.start();
  before.add("P1");
  await vi.advanceTimersByTimeAsync(1);
  before.stop();
  expect(told).toEqual([]);
  sender().start();
  await vi.runAllTimersAsync();
  expect(told).toEqual(["P1"]);
  expect(sent[1]?.scan_id).toBe(sent[0]?.scan_id);
  expect(kept.size).toBe(0);
});

test("what was kept goes before what is scanned now", async () => {
  const before = sender();
  answers.push(() => {
    throw new Unreachable();
  });
  before.start();
  before.add("P1");
  await vi.advanceTimersByTimeAsync(1);
  before.stop();
  const after = sender();
  after.start();
  after.add("P2");
  await vi.runAllTimersAsync();
  expect(told).toEqual(["P1", "P2"]);
});

test("a refusal is told again by the next page, until somebody has seen it", async () => {
  const line = sender();
  line.start();
  answers.push(() => {
    throw problem("bag_is_child", 409);
  });
  const scan = line.add("C1");
  await vi.runAllTimersAsync();
  line.stop();
  const next = sender();
  next.start();
  await vi.runAllTimersAsync();
  expect(told).toEqual(["C1: bag_is_child", "C1 left: bag_is_child"]);
  expect(sent).toHaveLength(1);
  next.seen(scan?.scan_id ?? "");
  sender().start();
  await vi.runAllTimersAsync();
  expect(told).toHaveLength(2);
});

test("a browser with no room sends all the same", async () => {
  const full = () => Promise.reject(new DOMException("full", "QuotaExceededError"));
  const said = vi.spyOn(console, "error").mockImplementation(() => undefined);
  vi.spyOn(keep, "load").mockImplementationOnce(full);
  vi.spyOn(keep, "put").mockImplementationOnce(full);
  const line = sender();
  line.start();
  line.add("P1");
  await vi.runAllTimersAsync();
  expect(told).toEqual(["P1"]);
  expect(said).toHaveBeenCalledTimes(2);
  said.mockRestore();
});

test("an empty label is no scan", () => {
  expect(sender().add(" \r\n")).toBeNull();
});
