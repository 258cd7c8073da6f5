import "fake-indexeddb/auto";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isPassing, ScanQueue } from "./queue";
import type { NewScan, ScanAnswer, ScanRecord } from "./records";
import type { AskArrived, Deliver, Delivery } from "./send";
import { ScanStore } from "./store";

const ME = 7;
let databases = 0;
let name: string;
let store: ScanStore;
let queue: ScanQueue;
/** The codes of each delivery, in order. */
let deliveries: string[][];
let server: (batch: ScanRecord[]) => Delivery | Promise<Delivery>;

const ok = (scan: ScanRecord): ScanAnswer => ({
  scanId: scan.scanId,
  outcome: scan.action === "parent" ? "opened" : "linked",
});
const refusal = (scan: ScanRecord, code = "bag_is_parent"): ScanAnswer => ({
  scanId: scan.scanId,
  outcome: "refused",
  problem: { code, status: 409, title: "", detail: "" },
});
const answered = (batch: ScanRecord[]): Delivery => ({ kind: "answered", answers: batch.map(ok) });
const unreachable = (): Delivery => ({ kind: "later", retryAfter: null, reached: false });
const child = (code: string): NewScan => ({ action: "child", parentCode: "P1", code });

const deliver: Deliver = async (batch) => {
  deliveries.push(batch.map((scan) => scan.code ?? scan.parentCode));
  return server(batch);
};

function newQueue(userId = ME): ScanQueue {
  return new ScanQueue({ store, userId, deliver, random: () => 0 });
}

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  name = `test-${databases++}`;
  store = await opened();
  deliveries = [];
  server = answered;
  queue = newQueue();
});

const opened = () => ScanStore.open(name);

/** Lets time pass, and IndexedDB (which runs on real time) do its work. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  for (let turn = 0; turn < 30; turn++) await new Promise((next) => setImmediate(next));
}

const add = (scan: NewScan) => queue.add(scan);
const sent = () => queue.send();

afterEach(() => {
  queue.close();
  store.close();
  vi.useRealTimers();
});

test("a scan is shown at once and stored before it is sent", async () => {
  let storedWhenSent = 0;
  server = async (batch) => {
    storedWhenSent = (await store.load(ME)).length;
    return answered(batch);
  };
  const adding = queue.add(child("C1"));
  expect(queue.snapshot().waiting).toBe(1);
  await adding;
  await sent();
  expect(storedWhenSent).toBe(1);
  expect(queue.snapshot()).toMatchObject({ waiting: 0, link: "up", scans: [{ state: "settled" }] });
});

test("scans go out in the order in which they were made", async () => {
  server = unreachable;
  const codes = Array.from({ length: 30 }, (_, at) => `C${at}`);
  await Promise.all(codes.map((code) => queue.add(child(code))));
  server = answered;
  await sent();
  expect(queue.snapshot().waiting).toBe(0);
  expect(deliveries.at(-1)).toEqual(codes);
  const seqs = (await store.load(ME)).map((scan) => scan.seq);
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  expect(new Set(seqs).size).toBe(30);
});

test("without network nothing is lost, and the next try comes by itself", async () => {
  server = unreachable;
  await add(child("C1"));
  await sent();
  expect(queue.snapshot()).toMatchObject({ waiting: 1, link: "down" });
  server = answered;
  await pass(40_000);
  expect(queue.snapshot()).toMatchObject({ waiting: 0, link: "up" });
});

test("the server's Retry-After is honoured", async () => {
  server = () => ({ kind: "later", retryAfter: 20, reached: true });
  await add(child("C1"));
  await sent();
  const tries = deliveries.length;
  await pass(19_000);
  expect(deliveries.length).toBe(tries);
  await pass(2_000);
  expect(deliveries.length).toBe(tries + 1);
});

test("neither another scan nor a woken page knocks sooner", async () => {
  server = () => ({ kind: "later", retryAfter: 20, reached: true });
  await add(child("C1"));
  await sent();
  const tries = deliveries.length;
  await add(child("C2"));
  queue.wake();
  await pass(100);
  expect(deliveries.length).toBe(tries);
});

test("a long silence is shown as waiting, and the answer still counts", async () => {
  let answer: (delivery: Delivery) => void = () => undefined;
  server = () => new Promise((resolve) => (answer = resolve));
  const scan = await add(child("C1"));
  await pass(1);
  await pass(4_100);
  expect(queue.snapshot()).toMatchObject({ waiting: 1, link: "down" });
  answer({ kind: "answered", answers: [ok(scan)] });
  await pass(10);
  expect(queue.snapshot()).toMatchObject({ waiting: 0, link: "up" });
});

test("a retry carries the same scan id", async () => {
  const ids: string[] = [];
  server = (batch) => {
    ids.push(...batch.map((scan) => scan.scanId));
    return ids.length < 2 ? unreachable() : answered(batch);
  };
  await add(child("C1"));
  await sent();
  await sent();
  expect(new Set(ids).size).toBe(1);
  expect(ids.length).toBeGreaterThan(1);
});

test("a new page finds what the old one left", async () => {
  server = unreachable;
  await add(child("C1"));
  await sent();
  queue.close();
  store.close();
  store = await opened();
  queue = newQueue();
  await queue.load();
  expect(queue.snapshot().waiting).toBe(1);
  server = answered;
  await sent();
  expect(queue.snapshot().waiting).toBe(0);
});

test("another user neither sees nor sends it", async () => {
  server = unreachable;
  await add(child("C1"));
  await sent();
  deliveries = [];
  server = answered;
  const other = newQueue(8);
  await other.load();
  await other.send();
  expect(other.snapshot().scans).toEqual([]);
  expect(deliveries).toEqual([]);
  expect(await store.load(ME)).toMatchObject([{ state: "waiting" }]);
});

test("signed out, scans wait and none is refused", async () => {
  server = () => ({ kind: "locked" });
  await add(child("C1"));
  await sent();
  expect(queue.snapshot()).toMatchObject({ waiting: 1, link: "locked", refused: [] });
  server = answered;
  await sent();
  expect(queue.snapshot()).toMatchObject({ waiting: 0, link: "up" });
});

test("a refusal stays in sight until somebody deals with it", async () => {
  server = (batch) => ({ kind: "answered", answers: batch.map((scan) => refusal(scan)) });
  await add(child("C1"));
  await sent();
  expect(queue.snapshot().refused).toMatchObject([{ code: "C1", problem: { code: "bag_is_parent" } }]);
  const again = newQueue();
  await again.load();
  const [refused] = again.snapshot().refused;
  if (refused === undefined) throw new Error("the refusal is gone");
  await again.dealWith(refused);
  expect(again.snapshot().refused).toEqual([]);
  expect(deliveries.flat().filter((code) => code === "C1")).toHaveLength(1);
});

test("a refused scan is sent again under a new id", async () => {
  server = (batch) => ({ kind: "answered", answers: batch.map((scan) => refusal(scan)) });
  const first = await add(child("C1"));
  await sent();
  server = answered;
  const second = await queue.retry(first);
  await sent();
  expect(second.scanId).not.toBe(first.scanId);
  expect(queue.snapshot()).toMatchObject({ waiting: 0, refused: [] });
});

test("one bad scan does not hold up the others of its batch", async () => {
  server = unreachable;
  await Promise.all(["C1", "BAD", "C3"].map((code) => queue.add(child(code))));
  await sent();
  const problem = { code: "invalid", status: 422, title: "", detail: "" };
  server = (batch) =>
    batch.some((scan) => scan.code === "BAD") ? { kind: "rejected", problem } : answered(batch);
  await sent();
  expect(queue.snapshot()).toMatchObject({ waiting: 0, refused: [{ code: "BAD" }] });
});

test("a scan that the server left without a final word goes on waiting", async () => {
  server = (batch) => ({
    kind: "answered",
    answers: batch.map((scan) => (scan.code === "C2" ? refusal(scan, "busy") : ok(scan))),
  });
  await Promise.all(["C1", "C2"].map((code) => queue.add(child(code))));
  await sent();
  expect(queue.snapshot().refused).toEqual([]);
  expect(queue.snapshot().scans.find((scan) => scan.code === "C2")?.state).toBe("waiting");
});

test("a scan never sent can be withdrawn, one perhaps sent cannot", async () => {
  server = unreachable;
  const scan = await add(child("C1"));
  await sent();
  expect(await queue.withdraw(scan)).toBe(false);
  const unsent: ScanRecord = await store.add({ ...scan, scanId: "x", attempts: 0 });
  expect(await queue.withdraw(unsent)).toBe(true);
  deliveries = [];
  server = answered;
  await sent();
  expect(deliveries).toEqual([["C1"]]);
});

test("answers are told before the view changes", async () => {
  const waitingWhenTold: number[] = [];
  queue.onAnswer(() => waitingWhenTold.push(queue.snapshot().waiting));
  await add(child("C1"));
  await sent();
  expect(waitingWhenTold).toEqual([1]);
});

test("a scan that the phone cannot store is refused at once, not lost later", async () => {
  vi.spyOn(store, "add").mockRejectedValue(new DOMException("full", "QuotaExceededError"));
  const scan = await add(child("C1"));
  expect(scan.problem?.code).toBe("not_saved");
  expect(queue.snapshot()).toMatchObject({ waiting: 0, refused: [{ code: "C1" }] });
});

test("old settled scans are forgotten, waiting and refused ones never", async () => {
  server = (batch) => ({
    kind: "answered",
    answers: batch.map((scan) => (scan.code === "C0" ? refusal(scan) : ok(scan))),
  });
  const codes = Array.from({ length: 80 }, (_, at) => `C${at}`);
  await Promise.all(codes.map((code) => queue.add(child(code))));
  await sent();
  expect(await store.settled(ME)).toHaveLength(79);
  await store.prune(ME, 50);
  expect(await store.settled(ME)).toHaveLength(50);
  const kept = await store.load(ME);
  expect(kept.find((scan) => scan.state === "settled")?.code).toBe("C30");
  expect(kept.filter((scan) => scan.state === "refused")).toHaveLength(1);
});

test("the device keeps its id", async () => {
  const id = store.deviceId;
  store.close();
  store = await opened();
  expect(store.deviceId).toBe(id);
});

test("a database that the browser closed under a sleeping page is opened again", async () => {
  await queue.add(child("C1"));
  await sent();
  const begin = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementationOnce(() => {
    throw new DOMException("The database connection is closing.", "InvalidStateError");
  });
  expect((await queue.add(child("C2"))).state).toBe("waiting");
  begin.mockRestore();
  await sent();
  expect(await store.settled(ME)).toHaveLength(2);
});

test("a scan is on the disk before it is handed to the network", async () => {
  const begin = vi.spyOn(IDBDatabase.prototype, "transaction");
  await queue.add(child("C1"));
  expect(begin.mock.calls[0]).toEqual(["scans", "readwrite", { durability: "strict" }]);
  begin.mockRestore();
});

test("where nothing waits any more, nothing is known to be amiss", async () => {
  server = unreachable;
  const scan = await queue.add(child("C1"));
  await pass(0);
  expect(queue.snapshot()).toMatchObject({ waiting: 1, link: "down" });
  await store.change(scan.seq, (stored) => ({ ...stored, state: "settled" }));
  await queue.load();
  await pass(1_000);
  expect(queue.snapshot()).toMatchObject({ waiting: 0, link: "up" });
});

const poisoned = (batch: ScanRecord[]): Delivery =>
  batch.some((scan) => scan.code === "POISON")
    ? { kind: "later", retryAfter: null, reached: true, poison: true }
    : answered(batch);

test("a scan that the server fails on holds up its own big bag and no other", async () => {
  server = unreachable;
  for (const code of ["C1", "POISON", "C2"]) await queue.add(child(code));
  await queue.add({ action: "child", parentCode: "P2", code: "D1" });
  await pass(0);
  server = poisoned;
  await pass(1_000);
  expect(queue.snapshot()).toMatchObject({ waiting: 2, held: 2 });
  // What comes now for another big bag goes at once.
  await queue.add({ action: "child", parentCode: "P2", code: "D2" });
  await pass(0);
  expect(deliveries.at(-1)).toEqual(["D2"]);
  expect(queue.snapshot().waiting).toBe(2);
  // And the server, once mended, gets the rest in order.
  server = answered;
  const before = deliveries.length;
  await expect.poll(() => (queue.wake(), queue.snapshot().waiting), { timeout: 4_000 }).toBe(0);
  expect(deliveries.slice(before).flat()).toEqual(["POISON", "C2"]);
});

test("another tab sees at once what was scanned and answered here, and does not say it twice", async () => {
  const other = new ScanQueue({ store, userId: ME, deliver, random: () => 0 });
  const stranger = newQueue(ME + 1);
  const telling = new ScanQueue({
    store,
    userId: ME,
    deliver,
    tell: (news) => [other, stranger].forEach((tab) => tab.hear(news)),
  });
  const heard: boolean[] = [];
  other.onAnswer((_scan, _answer, here) => heard.push(here));
  let release = () => {};
  server = (batch) => new Promise((answer) => (release = () => answer(answered(batch))));
  await telling.add(child("C1"));
  expect(other.snapshot().waiting).toBe(1);
  await pass(0);
  release();
  await pass(0);
  expect(other.snapshot()).toMatchObject({ waiting: 0, scans: [{ code: "C1", outcome: "linked" }] });
  expect(heard).toEqual([false]);
  expect(stranger.snapshot().scans).toEqual([]);
});

test("a refusal is dropped with a reason that goes through the queue", async () => {
  server = (batch) => ({ kind: "answered", answers: batch.map((scan) => refusal(scan)) });
  const scan = await queue.add(child("C1"));
  await pass(0);
  server = answered;
  const [refused] = queue.snapshot().refused;
  await queue.discard(refused ?? scan, "mistake");
  await pass(0);
  expect(queue.snapshot()).toMatchObject({ waiting: 0, refused: [] });
  const last = queue.snapshot().scans.at(-1);
  expect(last).toMatchObject({ action: "discard", reason: "mistake", about: { scanId: scan.scanId } });
});

test("what never became a scan on the server is dropped with a reason too, or stays", async () => {
  server = (batch) => ({ kind: "answered", answers: batch.map((scan) => refusal(scan, "bad_code")) });
  const scan = await queue.add(child("C\u200b1"));
  await pass(0);
  const full = vi.spyOn(store, "add").mockRejectedValue(new DOMException("full", "QuotaExceededError"));
  await queue.discard(scan, "bad label");
  expect(queue.snapshot().refused).toMatchObject([{ action: "child", code: "C\u200b1" }]);
  full.mockRestore();
  server = answered;
  const [refused] = queue.snapshot().refused;
  await queue.discard(refused ?? scan, "bad label");
  await pass(0);
  expect(queue.snapshot()).toMatchObject({ waiting: 0, refused: [] });
  expect(queue.snapshot().scans.at(-1)).toMatchObject({ action: "discard", refusedWith: "bad_code" });
});

/** A server that keeps scans, can be asked for them, and can lose the newest. */
function keepingServer() {
  const kept = new Map<string, ScanRecord>();
  server = (batch) => {
    for (const scan of batch) kept.set(scan.scanId, scan);
    return answered(batch);
  };
  const asked: [number, number][] = [];
  const askArrived: AskArrived = (_whose, from, to) => {
    asked.push([from, to]);
    const arrived = [...kept.values()]
      .filter(({ seq }) => seq >= from && seq <= to)
      .map(({ scanId }) => ({ scanId, outcome: "linked", refused: false }));
    return Promise.resolve({ kind: "answered", arrived });
  };
  const lose = (newest: number) => {
    for (const id of [...kept.keys()].slice(-newest)) kept.delete(id);
  };
  const codes = () => [...kept.values()].map((scan) => scan.code);
  return { askArrived, asked, lose, codes };
}

const reopened = (askArrived: AskArrived) =>
  new ScanQueue({ store, userId: ME, deliver, askArrived, random: () => 0 });

test("what a restored server has lost is sent again, before anything new and in order", async () => {
  const { askArrived, asked, lose, codes } = keepingServer();
  const all = Array.from({ length: 120 }, (_, at) => `C${at}`);
  for (const code of all) void queue.add(child(code));
  await pass(0);
  await sent();
  expect(codes()).toEqual(all);
  const undone = queue.snapshot().scans.find((scan) => scan.code === "C119");
  if (undone === undefined) throw new Error("the scan is gone");
  await queue.markUndone(undone);
  queue.close();

  lose(70);
  queue = reopened(askArrived);
  await queue.load();
  await queue.add(child("NEW"));
  await sent();
  expect(codes()).toEqual([...all.slice(0, 119), "NEW"]);
  expect(asked).toHaveLength(3);
  expect(queue.snapshot()).toMatchObject({ waiting: 0, link: "up" });

  // Nothing lost: one look, and no scan a second time.
  queue.close();
  deliveries = [];
  queue = reopened(askArrived);
  await queue.load();
  queue.wake();
  await pass(0);
  expect(asked).toHaveLength(4);
  expect(deliveries).toEqual([]);
});

test("after a long silence too, but not after a short one", async () => {
  const { askArrived, asked, lose, codes } = keepingServer();
  const fine = server;
  queue = reopened(askArrived);
  await add(child("C1"));
  await sent();
  server = unreachable;
  await add(child("C2"));
  await sent();
  server = fine;
  await sent();
  expect(asked).toHaveLength(0);

  server = unreachable;
  await add(child("C3"));
  await sent();
  lose(1);
  server = fine;
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + 11_000);
  await sent();
  expect(asked).toHaveLength(1);
  expect(codes()).toEqual(["C1", "C2", "C3"]);
});

test("what arrived so long ago that its id may be forgotten is not sent again", async () => {
  server = unreachable;
  await add(child("C1"));
  await sent();
  queue.close();
  deliveries = [];
  const [tried] = await store.load(ME);
  const outcomes: string[] = [];
  queue = new ScanQueue({
    store,
    userId: ME,
    deliver,
    askArrived: () =>
      Promise.resolve({
        kind: "answered",
        arrived: [{ scanId: tried?.scanId ?? "", outcome: "linked", refused: false }],
      }),
  });
  await queue.load();
  queue.onAnswer((_scan, { outcome }) => outcomes.push(outcome));
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + 6.5 * 24 * 3_600_000);
  await sent();
  expect(deliveries).toEqual([]);
  expect(outcomes).toEqual(["linked"]);
  expect(queue.snapshot().waiting).toBe(0);
});

test("a server that cannot say what it has still gets what waits", async () => {
  await add(child("C1"));
  await sent();
  queue.close();
  const problem = { code: "not_found", status: 404, title: "", detail: "" };
  queue = reopened(() => Promise.resolve({ kind: "rejected", problem }));
  await queue.load();
  await add(child("C2"));
  await sent();
  expect(deliveries.flat()).toEqual(["C1", "C2"]);
});

test.each([408, 425, 429, 500, 502, 503, 504, 511])(
  "status %i of something unknown is no verdict",
  (status) => {
    expect(isPassing({ code: "unknown", status })).toBe(true);
  },
);

test.each([400, 403, 404, 409, 413, 422])("status %i is a verdict", (status) => {
  expect(isPassing({ code: "unknown", status })).toBe(false);
});
