import type { Bag, BagRef, Problem } from "@/shared/api/types";

export type ScanAction = "parent" | "child" | "move" | "complete" | "unlink" | "undo" | "discard";

/** What the worker did, before anybody knows what came of it. */
export interface NewScan {
  action: ScanAction;
  /** The parent being packed; for action "parent" the scanned code itself. */
  parentCode: string;
  /** The child's code; null for "parent" and "complete". */
  code: string | null;
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
}

/** The server's word on one scan. */
export interface ScanAnswer {
  scanId: string;
  outcome: string;
  problem?: Problem | undefined;
  bag?: Bag | undefined;
  parent?: Bag | BagRef | undefined;
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
