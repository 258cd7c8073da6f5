import type { Bag } from "@/shared/api/types";
import { cleanCode, codeKey } from "@/shared/queue/codes";
import type { ScanAnswer, ScanRecord } from "@/shared/queue/records";
import type { Tone } from "@/shared/sound/sound";

/** The parent a worker is filling, as this device knows it. */
export interface Packing {
  /** As shown; the server's spelling once it has answered. */
  code: string;
  /** All spellings seen for this parent, compared without case: the label's text, the server's code. */
  keys: readonly string[];
  /** The server's last word; null until it has answered. */
  bag: Bag | null;
  /** Children known to be in it, to tell a duplicate before the server does. */
  members: ReadonlySet<string>;
}

export function startPacking(code: string): Packing {
  return { code: cleanCode(code), keys: [codeKey(code)], bag: null, members: new Set() };
}

/** The server told about this parent. */
export function withBag(packing: Packing, bag: Bag): Packing {
  const key = codeKey(bag.code);
  const keys = packing.keys.includes(key) ? packing.keys : [...packing.keys, key];
  return { ...packing, code: bag.code, keys, bag };
}

export function packingOf(bag: Bag): Packing {
  return withBag(startPacking(bag.code), bag);
}

export function withMembers(packing: Packing, codes: readonly string[]): Packing {
  return { ...packing, members: new Set([...packing.members, ...codes.map(codeKey)]) };
}

function withoutMember(packing: Packing, codes: readonly string[]): Packing {
  const gone = new Set(codes.map(codeKey));
  return { ...packing, members: new Set([...packing.members].filter((key) => !gone.has(key))) };
}

export function concerns(packing: Packing, scan: ScanRecord): boolean {
  return packing.keys.includes(codeKey(scan.parentCode));
}

const ADDS = new Set(["linked", "already_linked", "moved"]);

/** The packing after the server's answer to one scan of it. Null when it is over. */
export function afterAnswer(packing: Packing, scan: ScanRecord, answer: ScanAnswer): Packing | null {
  if (!concerns(packing, scan)) return packing;
  if (scan.action === "parent") {
    if (answer.problem !== undefined) return null;
    return answer.bag === undefined ? packing : withBag(packing, answer.bag);
  }
  if (answer.problem !== undefined) return packing;
  const told = cardOf(answer);
  const codes = [scan.code ?? "", answer.bag?.code ?? ""].filter((code) => code !== "");
  if (ADDS.has(answer.outcome)) {
    const added = withMembers(packing, codes);
    return told === null ? counted(added, answer.outcome === "already_linked" ? 0 : 1) : withBag(added, told);
  }
  if (scan.action === "undo" && scan.about?.action === "unlink") {
    const back = withMembers(packing, codes);
    return told === null ? counted(back, 1) : withBag(back, told);
  }
  if (answer.outcome === "unlinked" || answer.outcome === "undone") {
    const left = withoutMember(packing, codes);
    return told === null ? counted(left, -1) : withBag(left, told);
  }
  return packing;
}

/** The packing after an effect was taken back; `parent` is the server's word, if it gave one. */
export function afterUndo(packing: Packing, scan: ScanRecord, parent: Bag | null): Packing {
  if (!concerns(packing, scan)) return packing;
  const codes = [scan.code ?? ""];
  if (scan.outcome === "unlinked") {
    const back = withMembers(packing, codes);
    return parent === null ? counted(back, 1) : withBag(back, parent);
  }
  const left = withoutMember(packing, codes);
  return parent === null || parent.id !== packing.bag?.id ? counted(left, -1) : withBag(left, parent);
}

function counted(packing: Packing, change: number): Packing {
  if (packing.bag === null) return packing;
  const child_count = Math.max(0, packing.bag.child_count + change);
  return { ...packing, bag: { ...packing.bag, child_count } };
}

/** The answer's parent, when it came whole rather than as a mere reference. */
function cardOf(answer: ScanAnswer): Bag | null {
  return answer.parent !== undefined && "child_count" in answer.parent ? answer.parent : null;
}

/** Children in the parent: what the server counted, and what this device knows on top of that. */
export function countOf(packing: Packing, scans: readonly ScanRecord[]): number {
  const adds = new Set<string>();
  const takes = new Set<string>();
  for (const scan of scans) {
    if (scan.state !== "waiting" || scan.code === null || !concerns(packing, scan)) continue;
    const key = codeKey(scan.code);
    if (scan.action === "discard") continue;
    if (scan.action === "undo" && scan.about?.action === "unlink") {
      if (!takes.delete(key)) adds.add(key);
    } else if (scan.action === "unlink" || scan.action === "undo") {
      // Taking out what is still only waiting to be put in cancels it.
      if (!adds.delete(key)) takes.add(key);
    } else if (!packing.members.has(key)) adds.add(key);
  }
  return Math.max(0, (packing.bag?.child_count ?? 0) + adds.size - takes.size);
}

/** Whether this device knows the code to be in the parent already, or on its way there. */
export function isKnownHere(packing: Packing, scans: readonly ScanRecord[], code: string): boolean {
  const key = codeKey(code);
  let here = packing.members.has(key);
  for (const scan of scans) {
    if (scan.state !== "waiting" || scan.code === null || codeKey(scan.code) !== key) continue;
    if (concerns(packing, scan)) here = scan.action !== "unlink";
  }
  return here;
}

/** Which parent is being filled after these scans, beginning with what the server last knew. */
export function replay(start: Packing | null, scans: readonly ScanRecord[]): Packing | null {
  let packing = start;
  for (const scan of scans) {
    if (scan.state === "refused" || scan.state === "withdrawn" || scan.undone) continue;
    if (scan.action === "parent") {
      packing = packing !== null && concerns(packing, scan) ? packing : startPacking(scan.parentCode);
    } else if (scan.action === "complete" && packing !== null && concerns(packing, scan)) packing = null;
  }
  return packing;
}

/** What the server's word on a scan means to the worker. */
export function toneOf(answer: Pick<ScanAnswer, "outcome" | "problem">): Tone {
  if (answer.problem !== undefined) return "refused";
  return answer.outcome.startsWith("already") ? "already" : "ok";
}

/** Whether a scan did something that can still be taken back; `scans` are those shown with it. */
export function canUndo(scan: ScanRecord, scans: readonly ScanRecord[] = []): boolean {
  if (scan.undone || isTakenOut(scan, scans)) return false;
  if (scan.state === "waiting") return scan.action === "child" || scan.action === "move";
  return (
    scan.state === "settled" && ["linked", "moved", "completed", "unlinked"].includes(scan.outcome ?? "")
  );
}

/** A later scan takes the same child out again, or is on its way to. */
function isTakenOut(scan: ScanRecord, scans: readonly ScanRecord[]): boolean {
  const { code } = scan;
  const undone = scans.some(
    (other) => other.action === "undo" && other.about?.scanId === scan.scanId && other.state !== "refused",
  );
  if (undone) return true;
  if (code === null) return false;
  return scans.some(
    (other) =>
      other.action === "unlink" &&
      other.state !== "refused" &&
      !other.undone &&
      other.seq > scan.seq &&
      other.code !== null &&
      codeKey(other.code) === codeKey(code),
  );
}
