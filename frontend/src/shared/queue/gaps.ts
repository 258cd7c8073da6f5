import type { ScanRecord } from "./records";
import type { Arrived, AskArrived, Obstacle } from "./send";

const DAY_MS = 24 * 3_600_000;
/** Compared at a time. A server that lost scans lost its newest ones, so one look is mostly enough. */
const WINDOW = 50;
/** The server knows a scan under its id for seven days: until then, sent again it is still one scan. */
const COMPARE_MS = 3 * DAY_MS;
/** After this long, sending again what may have arrived could have a second effect. */
const DOUBT_MS = 6 * DAY_MS;

/** What looking for gaps found. */
export interface Gaps {
  /** Answered once, but the server has them no more: to be sent again. Oldest first. */
  lost: ScanRecord[];
  /** Never answered, but the server has them. */
  arrived: { scan: ScanRecord; as: Arrived }[];
}

/**
 * Compares what this device knows to be done, and what it has long waited for, with what the server has.
 * Asks nothing when there is nothing to compare.
 */
export async function findGaps(
  settled: readonly ScanRecord[],
  waiting: readonly ScanRecord[],
  ask: AskArrived,
  now: number,
): Promise<Gaps | Obstacle> {
  const age = (scan: ScanRecord) => now - Date.parse(scan.scannedAt);
  const found: Gaps = { lost: [], arrived: [] };
  const doubtful = waiting.filter((scan) => scan.attempts > 0 && age(scan) > DOUBT_MS);
  for (let at = 0; at < doubtful.length; at += WINDOW) {
    const some = doubtful.slice(at, at + WINDOW);
    const has = await look(some, ask);
    if (!(has instanceof Map)) return has;
    for (const scan of some) {
      const as = has.get(scan.scanId);
      if (as != null) found.arrived.push({ scan, as });
    }
  }
  const known = settled.filter((scan) => scan.action !== "discard" && age(scan) < COMPARE_MS);
  for (let end = known.length; end > 0; end -= WINDOW) {
    const some = known.slice(Math.max(0, end - WINDOW), end);
    const has = await look(some, ask);
    if (!(has instanceof Map)) return has;
    const missing = some.filter((scan) => !has.has(scan.scanId));
    found.lost.unshift(...missing);
    if (missing.every((scan) => scan.undone)) break;
  }
  // An act and its undo that are both gone cancel each other.
  const gone = new Set(found.lost.map((scan) => scan.scanId));
  found.lost = found.lost.filter((scan) => !scan.undone && !gone.has(scan.about?.scanId ?? ""));
  return found;
}

/** What the server has of some scans in order of their sequence; none when it cannot say. */
async function look(
  some: readonly ScanRecord[],
  ask: AskArrived,
): Promise<Map<string, Arrived | null> | Obstacle> {
  const [first, last] = [some[0], some.at(-1)];
  if (first === undefined || last === undefined) return new Map();
  const answer = await ask(first, first.seq, last.seq);
  switch (answer.kind) {
    case "answered":
      return new Map(answer.arrived.map((one) => [one.scanId, one]));
    case "rejected":
      // It will not say: then everything is taken to be there.
      return new Map(some.map((scan) => [scan.scanId, null]));
    default:
      return answer;
  }
}
