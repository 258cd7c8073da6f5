import { scanChild, scanCode, scanParent, scansFromDevice, syncScans } from "@/shared/api/calls";
import { ApiProblem, Unreachable } from "@/shared/api/problems";
import { currentSession } from "@/shared/api/session";
import type { Bag, BagRef, Problem } from "@/shared/api/types";
import { isPassing } from "./queue";
import type { Closed, Kind, ScanAnswer, ScanRecord } from "./records";
import type { Arrived, AskArrived, Delivery } from "./send";

/** The most scans that the server tells of in one answer. */
const PAGE = 200;

/** Hands scans to the server: one by its own call, a backlog in one. */
export const deliver = (batch: ScanRecord[]): Promise<Delivery> =>
  asUser(batch[0]?.userId, async () => ({ kind: "answered", answers: (await post(batch)).map(toAnswer) }));

/** Asks the server what it has from this device. */
export const askArrived: AskArrived = ({ userId, deviceId }, from, to) =>
  asUser(userId, async () => {
    const arrived: Arrived[] = [];
    for (let after: number | null = from - 1; after !== null && after < to;) {
      const page = await scansFromDevice(deviceId, after, PAGE);
      for (const { scan_id, outcome, refused } of page.items)
        arrived.push({ scanId: scan_id, outcome, refused });
      after = page.next_after;
    }
    return { kind: "answered", arrived };
  });

type NoAnswer = Exclude<Delivery, { kind: "answered" }>;

/** What a call comes to, made only while this user is signed in. */
async function asUser<T>(userId: number | undefined, call: () => Promise<T>): Promise<T | NoAnswer> {
  const session = currentSession();
  if (session.status === "signed-out") return { kind: "locked" };
  if (session.status === "signed-in" && session.user.id !== userId) return { kind: "locked" };
  try {
    return await call();
  } catch (error) {
    if (error instanceof ApiProblem) return judge(error);
    if (error instanceof Unreachable) return { kind: "later", retryAfter: error.retryAfter, reached: false };
    throw error;
  }
}

/** As all the ways of sending answer: by a scan's own route or in a batch. */
interface ScanWord {
  scan_id: string;
  outcome: string;
  bag?: Bag | null;
  parent?: Bag | null;
  problem?: { code: string; title: string; detail: string; [extra: string]: unknown } | null;
  kind?: Kind | null;
  current_parent?: BagRef | null;
  closed?: Closed | null;
  was_completed?: boolean;
}

/** What the server does not keep under the scan's id: no scan can follow it. */
const NOT_KEPT = new Set([
  ...["kind_uncertain", "parent_completed", "previous_missing", "bad_code"],
  ...["scan_id_taken", "scan_id_reused"],
]);

async function post(batch: ScanRecord[]): Promise<ScanWord[]> {
  const [first] = batch;
  if (batch.length === 1 && first !== undefined) {
    const scan = named(first);
    if (first.action === "scan") return [await scanOne(first)];
    if (first.action === "parent") return [await scanParent({ ...scan, code: first.parentCode })];
    if (first.action === "child")
      return [await scanChild({ ...scan, parent_code: first.parentCode, code: first.code ?? "" })];
  }
  const { results } = await syncScans(
    batch.map((scan) => ({
      ...named(scan),
      action: scan.action,
      ...(scan.previous === undefined ? {} : { previous: scan.previous }),
      ...(scan.as === undefined ? {} : { as: scan.as }),
      parent_code: saysParent(scan) ? told(scan, scan.parentCode) : null,
      code: scan.code === null ? null : told(scan, scan.code),
      about: scan.about?.scanId,
      reason: scan.reason,
      refused_with: scan.refusedWith,
    })),
  );
  return results;
}

/** A scan alone. What the rules of the floor say against it is an answer like those in a batch. */
async function scanOne(scan: ScanRecord): Promise<ScanWord> {
  try {
    return await scanCode({
      ...named(scan),
      code: scan.code ?? "",
      previous: scan.previous ?? null,
      ...(scan.as === undefined ? {} : { as: scan.as }),
    });
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.problem.scan_id !== scan.scanId) throw error;
    const { problem } = error;
    const open = problem.current_parent as BagRef | null | undefined;
    return { scan_id: scan.scanId, outcome: "refused", problem, current_parent: open ?? null };
  }
}

const named = (scan: ScanRecord) => ({
  scan_id: scan.scanId,
  scanned_at: scan.scannedAt,
  device_id: scan.deviceId,
  sequence: scan.seq,
});

/** In a chain the server knows which parent is open: the screen's word would only be a second opinion. */
const saysParent = ({ action, previous, parentCode, byCode }: ScanRecord): boolean =>
  parentCode !== "" &&
  action !== "scan" &&
  (action !== "complete" || previous === undefined || byCode === true);

/** A text that the server refused as a code must not have the word about it refused as well. */
const told = ({ action }: ScanRecord, text: string): string =>
  action === "discard" ? text.slice(0, 128).replace(/\p{Surrogate}/gu, "\ufffd") : text;

function toAnswer(word: ScanWord): ScanAnswer {
  const { problem } = word;
  const kept = !problem || !NOT_KEPT.has(problem.code);
  return {
    scanId: word.scan_id,
    outcome: word.outcome,
    // In a batch a refusal has its code and sentence but no HTTP status of its own.
    problem: problem ? { status: 0, ...problem } : undefined,
    bag: word.bag ?? undefined,
    parent: word.parent ?? undefined,
    kind: word.kind ?? undefined,
    open: kept ? word.current_parent : undefined,
    closed: word.closed ?? undefined,
    wasCompleted: word.was_completed,
    kept,
  };
}

function judge({ problem, retryAfter }: ApiProblem): NoAnswer {
  if (isPassing(problem)) return { kind: "later", retryAfter, reached: true, poison: problem.status === 500 };
  if (problem.status === 401 || isLock(problem)) return { kind: "locked" };
  return { kind: "rejected", problem };
}

const LOCKS = new Set(["password_change_required", "totp_setup_required", "csrf"]);
const isLock = (problem: Problem): boolean => LOCKS.has(problem.code);
