import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScanQueue } from "./queue";
import type { ScanAnswer, ScanRecord } from "./records";
import type { Delivery } from "./send";
import { ScanStore } from "./store";

const ME = 7;
let databases = 0;
let store: ScanStore;
let queue: ScanQueue;
let kept: string | null | undefined;
let online: boolean;
/** What the server has: each scan's code, its own predecessor, and the parent that is open after it. */
let server: Map<string, { code: string; open: string | null }>;
/** Codes that the server asks about. */
let doubtful: Set<string>;
let parents: Map<string, string[]>;

const problem = (code: string) => ({ code, status: 409, title: "", detail: "" });

/** The rule in short: codes with P are parents, the others children of the one that is open. */
function decide(scan: ScanRecord): ScanAnswer {
  const code = scan.code ?? "";
  const refuse = (why: string, recorded = false): ScanAnswer => ({
    scanId: scan.scanId,
    outcome: "refused",
    problem: problem(why),
    kept: recorded,
  });
  if (scan.previous != null && !server.has(scan.previous)) return refuse("previous_missing");
  let open = scan.previous == null ? null : (server.get(scan.previous)?.open ?? null);
  if (code.includes("\u200b")) return refuse("bad_code");
  if (doubtful.has(code) && scan.as === undefined) return refuse("kind_uncertain");
  let answer: ScanAnswer = { scanId: scan.scanId, outcome: "linked", kind: "child" };
  if (scan.as === "parent" || (scan.as === undefined && code.startsWith("P"))) {
    open = code;
    if (!parents.has(code)) parents.set(code, []);
    answer = { scanId: scan.scanId, outcome: "opened", kind: "parent" };
  } else if (open === null) answer = refuse("no_current_parent", true);
  else if (!server.has(scan.scanId)) parents.get(open)?.push(code);
  server.set(scan.scanId, { code, open });
  return { ...answer, kept: true, open: open === null ? null : { id: 1, code: open } };
}

async function deliver(batch: ScanRecord[]): Promise<Delivery> {
  await Promise.resolve();
  if (!online) return { kind: "later", retryAfter: null, reached: false };
  return { kind: "answered", answers: batch.map(decide) };
}

const newQueue = () =>
  new ScanQueue({
    store,
    userId: ME,
    deliver,
    random: () => 0,
    place: { read: () => kept, write: (head) => (kept = head) },
  });

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  store = await ScanStore.open(`chain-${databases++}`);
  kept = null;
  online = true;
  server = new Map();
  doubtful = new Set();
  parents = new Map();
  queue = newQueue();
  await queue.load();
});

afterEach(() => {
  queue.close();
  store.close();
  vi.useRealTimers();
});

const scan = (code: string) => queue.follow({ action: "scan", parentCode: "", code });
const row = async (...codes: string[]) => {
  const made: ScanRecord[] = [];
  for (const code of codes) made.push(await scan(code));
  await queue.send();
  return made;
};
const waiting = () =>
  queue
    .snapshot()
    .scans.filter(({ state }) => state === "waiting")
    .map(({ code }) => code);

test("each scan names the one before it, also those made before the first was stored", async () => {
  online = false;
  const made = await Promise.all(["P1", "A1", "A2"].map(scan));
  expect(made.map(({ previous }) => previous)).toEqual([null, made[0]?.scanId, made[1]?.scanId]);
  online = true;
  await queue.send();
  expect(Object.fromEntries(parents)).toEqual({ P1: ["A1", "A2"] });
});

test("a row of bags that was scanned offline comes to the right bags", async () => {
  online = false;
  const codes = Array.from({ length: 50 }, (_, bag) => [
    `P${bag}`,
    ...Array.from({ length: 30 }, (_none, child) => `${bag}-${child}`),
  ]);
  for (const bag of codes) await Promise.all(bag.map(scan));
  online = true;
  await queue.send();
  expect(waiting()).toEqual([]);
  for (const [parent, ...children] of codes) expect(parents.get(parent ?? "")).toEqual(children);
}, 60_000);

test("what follows a question waits, and one answer releases all of it in order", async () => {
  doubtful.add("X");
  await row("P1", "A1", "X", "B1", "B2");
  expect(waiting()).toEqual(["X", "B1", "B2"]);
  expect(queue.snapshot()).toMatchObject({ link: "up", held: 3, asked: [{ code: "X" }] });
  const [asked] = queue.snapshot().asked;
  if (asked === undefined) throw new Error("nothing is asked");
  await queue.answer(asked, "parent");
  await queue.send();
  expect(Object.fromEntries(parents)).toEqual({ P1: ["A1"], X: ["B1", "B2"] });
  expect(queue.snapshot()).toMatchObject({ waiting: 0, asked: [] });
});

test("a question survives a reload, and a scan that was a mistake is no link", async () => {
  doubtful.add("X");
  await row("P1", "X", "A1");
  queue.close();
  queue = newQueue();
  await queue.load();
  const [asked] = queue.snapshot().asked;
  if (asked === undefined) throw new Error("nothing is asked");
  await queue.drop(asked);
  await queue.send();
  await row("A2");
  expect(Object.fromEntries(parents)).toEqual({ P1: ["A1", "A2"] });
});

test("what the server keeps nothing of is no link", async () => {
  await row("P1", "A1", "bad\u200bcode", "A2");
  const [refused] = queue.snapshot().refused;
  expect(refused).toMatchObject({ code: "bad\u200bcode", kept: false });
  expect(Object.fromEntries(parents)).toEqual({ P1: ["A1", "A2"] });
});

test("what was taken back before it was sent is no link", async () => {
  await row("P1");
  online = false;
  const wrong = await scan("A1");
  await queue.send();
  const never = await scan("A2");
  expect(await queue.withdraw(wrong)).toBe(false);
  expect(await queue.withdraw(never)).toBe(true);
  await scan("A3");
  online = true;
  await queue.send();
  expect(Object.fromEntries(parents)).toEqual({ P1: ["A1", "A3"] });
});

test("a server that lost a scan gets it again before what follows it", async () => {
  const [first] = await row("P1", "A1");
  server.delete(first?.scanId ?? "");
  const last = [...server.keys()].at(-1) ?? "";
  server.delete(last);
  parents.clear();
  await row("A2");
  expect(Object.fromEntries(parents)).toEqual({ P1: ["A1", "A2"] });
  expect(waiting()).toEqual([]);
});

test("where nobody knows what was open, the scan is refused aloud and goes into no bag", async () => {
  queue.continueFrom("made-elsewhere", null);
  await row("A1");
  expect(queue.snapshot().refused).toMatchObject([{ code: "A1", problem: { code: "previous_missing" } }]);
  expect(parents.size).toBe(0);
});

test("a tab goes on where it was, a new one behind what waits, or asks", async () => {
  const [, second] = await row("P1", "A1");
  kept = second?.scanId;
  const again = newQueue();
  await again.load();
  expect(again.snapshot().head).toBe(second?.scanId);
  kept = undefined;
  const fresh = newQueue();
  await fresh.load();
  expect(fresh.snapshot().head).toBeUndefined();
  online = false;
  const third = await scan("A2");
  kept = undefined;
  const behind = newQueue();
  await behind.load();
  expect(behind.snapshot().head).toBe(third.scanId);
});

test("a tab goes on where it was, however much other tabs have scanned since", async () => {
  const [parent] = await row("P1");
  const mine = kept;
  queue.begin();
  await row("P2", ...Array.from({ length: 60 }, (_, at) => `B${at}`));
  kept = mine;
  const again = newQueue();
  await again.load();
  expect(again.snapshot().head).toBe(parent?.scanId);
  expect(again.opened(parent?.scanId ?? null)).toMatchObject({ code: "P1" });
});

test("a scan that the server refused is sent again where it stood, whatever is open now", async () => {
  await row("A1");
  const [refused] = queue.snapshot().refused;
  if (refused === undefined) throw new Error("nothing is refused");
  await row("P2");
  const again = await queue.retry(refused);
  await queue.send();
  expect(again.previous).toBe(refused.scanId);
  expect(parents.get("P2")).toEqual([]);
});
