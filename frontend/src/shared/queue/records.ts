import type { Bag, BagRef, Problem } from "@/shared/api/types";

/** "scan": a bare code, of which the server says what it means. The others are what the worker asked for. */
export type ScanAction = "scan" | "parent" | "child" | "move" | "complete" | "unlink" | "undo" | "discard";

export type Kind = Bag["kind"];

/** What the worker did, before anybody knows what came of it. */
export interface NewScan {
  action: ScanAction;
  /** The parent that the screen showed, "" without one; for action "parent" the scanned code itself. */
  parentCode: string;
  /** What was scanned; null for "parent" and "complete". */
  code: string | null;
  /** The scan before it; null begins a chain. Absent where an earlier version made the scan. */
  previous?: string | null;
  /** For "complete": the parent is meant by its code, whichever is open. */
  byCode?: boolean;
  /** What the worker said that the code is, asked by the server. */
  as?: Kind;
  /** For "undo" and "discard": the scan it is about, and what that one did. */
  about?: { scanId: string; action: ScanAction };
  /** For "discard": why, and the code of the problem that it was refused with. */
  reason?: string;
  refusedWith?: string;
}

/**
 * - waiting: stored on this phone, the server has not answered yet
 * - settled: the server took it
 * - refused: the server will never take it; stays until the worker deals with it
 * - withdrawn: taken back by the worker before it was ever sent
 */
export type ScanState = "waiting" | "settled" | "refused" | "withdrawn";

/** One scan as IndexedDB keeps it. */
export interface ScanRecord extends NewScan {
  /** Order on this device, over all its users; given by IndexedDB. */
  seq: number;
  scanId: string;
  userId: number;
  deviceId: string;
  /** RFC 3339, this device's clock. */
  scannedAt: string;
  state: ScanState;
  /** How often it was handed to the network. Above 0, it may have had its effect. */
  attempts: number;
  outcome?: string;
  problem?: Problem;
  /** The effect was taken back on the server. */
  undone?: boolean;
  /** The worker has seen the refusal and dealt with it. */
  dealtWith?: boolean;
  /** The server's question about it: nothing is recorded, and what follows waits until it is answered. */
  question?: Problem;
  /** Of an answered "scan": what it was decided to be. */
  kind?: Kind;
  /** The parent that the server has open after it; absent where its answer did not say. */
  open?: BagRef | null;
  /** That parent as it was after it. */
  card?: Bag;
  /** The parent that a child is in now. */
  inside?: BagRef;
  /** False where the server keeps nothing under its id, so that no scan can follow it. */
  kept?: boolean;
}

/** The server's word on one scan. */
export interface ScanAnswer {
  scanId: string;
  outcome: string;
  problem?: Problem | undefined;
  bag?: Bag | undefined;
  parent?: Bag | undefined;
  kind?: Kind | undefined;
  /** The parent that is open after it; undefined where nobody says. */
  open?: BagRef | null | undefined;
  /** What became of the parent that was open before. */
  closed?: Closed | undefined;
  /** The parent was done before it was scanned. */
  wasCompleted?: boolean | undefined;
  /** False where the server keeps nothing under the scan's id. */
  kept?: boolean | undefined;
}

/** What opening the next parent did to the one before. */
export interface Closed {
  outcome: "completed" | "short" | "open" | "already_completed";
  bag: Bag;
}

/** Where somebody scans at one thing: a bill, a receipt, a return. */
export interface Line {
  user_id: number;
  /** The address of its page. */
  page: string;
  /** The thing: one page may show several after one another. */
  id: number;
  /** What people call it. */
  title: string;
}

/** A scan at one thing that has no answer yet or, with a problem, was refused and not yet seen. */
export interface LineScan extends Line {
  scan_id: string;
  code: string;
  scanned_at: string;
  problem?: Problem;
}
