import { scanChild, scanParent, syncScans } from "@/shared/api/calls";
import { ApiProblem, Unreachable } from "@/shared/api/problems";
import { currentSession } from "@/shared/api/session";
import type { Bag, Problem } from "@/shared/api/types";
import { isPassing } from "./queue";
import type { ScanAnswer, ScanRecord } from "./records";
import type { Delivery } from "./send";

/** Hands scans to the server: one by its own call, a backlog in one. */
export async function deliver(batch: ScanRecord[]): Promise<Delivery> {
  const session = currentSession();
  if (session.status === "signed-out") return { kind: "locked" };
  if (session.status === "signed-in" && session.user.id !== batch[0]?.userId) return { kind: "locked" };
  try {
    return { kind: "answered", answers: (await post(batch)).map(toAnswer) };
  } catch (error) {
    if (error instanceof ApiProblem) return judge(error);
    if (error instanceof Unreachable) return { kind: "later", retryAfter: null, reached: false };
    throw error;
  }
}

/** As all the ways of sending answer: by a scan's own route or in a batch. */
interface ScanWord {
  scan_id: string;
  outcome: string;
  bag?: Bag | null;
  parent?: Bag | null;
  problem?: { code: string; title: string; detail: string } | null;
}

async function post(batch: ScanRecord[]): Promise<ScanWord[]> {
  const [first] = batch;
  if (batch.length === 1 && first !== undefined) {
    const scan = named(first);
    if (first.action === "parent") return [await scanParent({ ...scan, code: first.parentCode })];
    if (first.action === "child")
      return [await scanChild({ ...scan, parent_code: first.parentCode, code: first.code ?? "" })];
  }
  const { results } = await syncScans(
    batch.map((scan) => ({
      ...named(scan),
      action: scan.action,
      parent_code: scan.parentCode,
      code: scan.code,
      about: scan.about?.scanId,
      reason: scan.reason,
    })),
  );
  return results;
}

const named = (scan: ScanRecord) => ({
  scan_id: scan.scanId,
  scanned_at: scan.scannedAt,
  device_id: scan.deviceId,
  sequence: scan.seq,
});

function toAnswer(word: ScanWord): ScanAnswer {
  const { problem } = word;
  return {
    scanId: word.scan_id,
    outcome: word.outcome,
    // In a batch a refusal has its code and sentence but no HTTP status of its own.
    problem: problem ? { status: 0, ...problem } : undefined,
    bag: word.bag ?? undefined,
    parent: word.parent ?? undefined,
  };
}

function judge({ problem, retryAfter }: ApiProblem): Delivery {
  if (isPassing(problem)) return { kind: "later", retryAfter, reached: true, poison: problem.status === 500 };
  if (problem.status === 401 || isLock(problem)) return { kind: "locked" };
  return { kind: "rejected", problem };
}

const isLock = (problem: Problem): boolean =>
  problem.code === "password_change_required" || problem.code === "csrf";
