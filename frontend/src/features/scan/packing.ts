import type { Bag, BagRef, Problem } from "@/shared/api/types";
import { cleanCode, codeKey } from "@/shared/queue/codes";
import type { Kind, ScanAnswer, ScanRecord } from "@/shared/queue/records";
import { isKept } from "@/shared/queue/store";
import type { Outcome } from "@/shared/sound/sound";

/** The parent that is open, as the server last told of it. */
export interface Packing {
  /** As shown; the server's spelling once it has answered. */
  code: string;
  /** All spellings seen for this parent, compared without case: the label's text, the server's code. */
  keys: readonly string[];
  /** The server's last word; null until it has answered. */
  bag: Bag | null;
}

/** What the server said, and the scans that it has not answered yet. */
export interface Known {
  scans: readonly ScanRecord[];
  /** The parent that the server has open after a scan; undefined where it has not said. */
  opened: (scanId: string | null) => BagRef | null | undefined;
  card: (id: number) => Bag | undefined;
}

/** Where a chain is: the open parent, and what is on its way into and out of it. */
export interface Place {
  open: Packing | null;
  adds: ReadonlySet<string>;
  takes: ReadonlySet<string>;
}

export function startPacking(code: string): Packing {
  return { code: cleanCode(code), keys: [codeKey(code)], bag: null };
}

export function packingOf(bag: Bag): Packing {
  return { code: bag.code, keys: [codeKey(bag.code)], bag };
}

const concerns = (packing: Packing | null, code: string): boolean =>
  packing?.keys.includes(codeKey(code)) === true;

/**
 * The open parent after a scan: the server's word on the last scan it has answered, and what follows that one read as
 * well as this device can. The server decides; this is what the screen shows until it has. Undefined where nobody here
 * knows what was open.
 */
export function placeAfter(head: string | null, known: Known): Place | undefined {
  const byId = new Map(known.scans.map((scan) => [scan.scanId, scan]));
  const pending: ScanRecord[] = [];
  let at: string | null | undefined = head;
  for (;;) {
    const scan: ScanRecord | undefined = at == null ? undefined : byId.get(at);
    if (scan === undefined || known.opened(scan.scanId) !== undefined) break;
    if (scan.state === "waiting") pending.unshift(scan);
    else if (isKept(scan)) break;
    at = scan.previous;
  }
  // An earlier version's scans say themselves which parent they are about.
  const told = at === undefined ? null : known.opened(at);
  if (told === undefined) return undefined;
  let place = placeIn(told, known);
  for (const scan of pending) {
    // Nothing goes into a bag that is in question.
    if (scan.question !== undefined) break;
    place = afterScan(place, scan, known, byId);
  }
  return place;
}

function placeIn(open: BagRef | null, known: Known): Place {
  const nothing = { adds: new Set<string>(), takes: new Set<string>() };
  if (open === null) return { open: null, ...nothing };
  const bag = known.card(open.id);
  return { open: bag === undefined ? startPacking(open.code) : packingOf(bag), ...nothing };
}

function afterScan(
  place: Place,
  scan: ScanRecord,
  known: Known,
  byId: ReadonlyMap<string, ScanRecord>,
): Place {
  const code = scan.code ?? scan.parentCode;
  switch (scan.action) {
    case "scan":
      return readingOf(place, scan, known) === "parent" ? opening(place, code, known) : adding(place, code);
    case "parent":
      return opening(place, scan.parentCode, known);
    case "child":
      return adding(place.open === null ? opening(place, scan.parentCode, known) : place, code);
    case "move":
      return concerns(place.open, scan.parentCode) ? adding(place, code) : place;
    case "unlink":
      return taking(place, code);
    case "complete":
      return scan.byCode === true && !concerns(place.open, scan.parentCode) ? place : placeIn(null, known);
    case "undo":
      return undoing(place, byId.get(scan.about?.scanId ?? ""), known);
    case "discard":
      return place;
  }
}

function opening(place: Place, code: string, known: Known): Place {
  if (concerns(place.open, code)) return place;
  const scan = known.scans.findLast(
    (one) => one.kind === "parent" && one.card !== undefined && codeKey(one.code ?? "") === codeKey(code),
  );
  const bag = scan?.card === undefined ? undefined : (known.card(scan.card.id) ?? scan.card);
  return { open: bag === undefined ? startPacking(code) : packingOf(bag), adds: new Set(), takes: new Set() };
}

const adding = (place: Place, code: string): Place => {
  const takes = new Set(place.takes);
  // Put back in what was only waiting to be taken out.
  if (takes.delete(codeKey(code))) return { ...place, takes };
  return { ...place, adds: new Set([...place.adds, codeKey(code)]) };
};

const taking = (place: Place, code: string): Place => {
  const adds = new Set(place.adds);
  if (adds.delete(codeKey(code))) return { ...place, adds };
  return { ...place, takes: new Set([...place.takes, codeKey(code)]) };
};

function undoing(place: Place, about: ScanRecord | undefined, known: Known): Place {
  if (about === undefined) return place;
  const code = about.code ?? about.parentCode;
  if (about.action === "complete" || readingOf(place, about, known) === "parent")
    return about.previous === undefined ? place : (placeAfter(about.previous, known) ?? place);
  if (about.action === "unlink") return adding(place, code);
  const inside = about.inside ?? place.open?.bag;
  return inside?.id === place.open?.bag?.id ? taking(place, code) : place;
}

/** How this device reads a scanned code; of an answered scan, how the server did. */
function readingOf(place: Place, scan: ScanRecord, known: Known): Kind {
  if (scan.action === "parent") return "parent";
  const said = scan.kind ?? scan.as;
  if (said !== undefined) return said;
  const code = scan.code ?? "";
  if (place.open === null || concerns(place.open, code)) return "parent";
  const same = known.scans.findLast(
    (one) => one.kind !== undefined && codeKey(one.code ?? "") === codeKey(code),
  );
  if (same?.kind !== undefined) return same.kind;
  const inside = [...place.adds, ...membersOf(place.open, known)].map(shapeOf);
  // Like the open parent, and like no child of it: it is most likely the next parent.
  const likeParent = shapeOf(code) === shapeOf(place.open.code);
  return likeParent && inside.length > 0 && !inside.includes(shapeOf(code)) ? "parent" : "child";
}

/** Each digit as 9, each letter as A. */
export const shapeOf = (code: string): string =>
  cleanCode(code)
    .replace(/\p{Nd}/gu, "9")
    .replace(/\p{L}/gu, "A");

const ADDS = new Set(["linked", "already_linked", "moved"]);

/** Children that this device knows to be in a parent: those that the server listed, and what was scanned since. */
export function membersOf(
  packing: Packing | null,
  known: Pick<Known, "scans">,
  listed: Iterable<string> = [],
): Set<string> {
  const members = new Set(listed);
  const id = packing?.bag?.id;
  if (id === undefined) return members;
  for (const scan of known.scans) {
    if (scan.code === null || scan.state !== "settled") continue;
    const key = codeKey(scan.code);
    if (scan.inside?.id !== id || scan.undone || !ADDS.has(scan.outcome ?? "")) members.delete(key);
    else members.add(key);
  }
  return members;
}

/** Children in the parent: what the server counted, and what is on its way beyond that. */
export function countOf(place: Place, members: ReadonlySet<string>): number {
  const fresh = [...place.adds].filter((key) => !members.has(key)).length;
  return Math.max(0, (place.open?.bag?.child_count ?? 0) + fresh - place.takes.size);
}

/** What scanning the same label again answers to the server's question. */
export function answerOf(question: Problem, open: Packing | null): Kind {
  switch (question.reason) {
    case "looks_like_parent":
    case "looks_like_child":
      return "parent";
    case "no_pattern_matches":
    case "not_a_bag_code":
      return open === null ? "parent" : "child";
    default:
      return "child";
  }
}

/** What the server's word on a scan means to the worker. */
export function toneOf(answer: Omit<ScanAnswer, "scanId">): Outcome {
  const { problem, outcome, bag, parent, closed } = answer;
  if (problem !== undefined) return problem.code === "child_in_other_parent" ? "other" : "refused";
  if (outcome.startsWith("already")) return "already";
  if (outcome === "completed") return isShort(bag) ? "short" : "ok";
  if (answer.wasCompleted === true && outcome !== "reopened") return "completed";
  if (closed?.outcome === "short") return "short";
  const expected = parent?.expected_children ?? 0;
  if (outcome !== "linked" && outcome !== "moved") return "ok";
  if (parent === undefined || expected === 0 || parent.child_count < expected) return "ok";
  return parent.child_count === expected ? "full" : "over";
}

const isShort = (bag: Bag | undefined): boolean =>
  bag !== undefined && bag.child_count < Math.max(1, bag.expected_children ?? 0);

const UNDONE_BY = new Set(["linked", "moved", "completed", "unlinked"]);
const OPENED = new Set(["created", "opened", "reopened"]);

/** Whether a scan did something that can still be taken back; `scans` are those shown with it, oldest first. */
export function canUndo(scan: ScanRecord, scans: readonly ScanRecord[] = []): boolean {
  if (scan.undone || isTakenOut(scan, scans)) return false;
  if (scan.state === "waiting") return ["scan", "child", "move"].includes(scan.action) && !scan.question;
  if (scan.state !== "settled") return false;
  // A parent that something followed is not simply closed again.
  if (OPENED.has(scan.outcome ?? "")) return scan.previous !== undefined && scans.at(-1) === scan;
  return UNDONE_BY.has(scan.outcome ?? "");
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
