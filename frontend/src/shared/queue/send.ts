import type { ScanAnswer, ScanRecord } from "./records";

/** What came of handing a batch to the network. */
export type Delivery =
  | { kind: "answered"; answers: ScanAnswer[] }
  | Obstacle
  /** The server understood the request and will never take it as it is. */
  | { kind: "rejected"; problem: NonNullable<ScanAnswer["problem"]> };

/** Why nothing can be sent now. */
export type Obstacle =
  /**
   * Nobody knows whether it arrived, or the server asks to come back later.
   * `poison`: the server fails on these very scans (500), while it may manage others.
   */
  | { kind: "later"; retryAfter: number | null; reached: boolean; poison?: boolean }
  /** Signed out, or the password must be changed first: the scans wait for that. */
  | { kind: "locked" };

/** What the server has of one scan of this device. */
export interface Arrived {
  scanId: string;
  /** What came of it, or the code of the problem when it was refused. */
  outcome: string;
  refused: boolean;
}

/** Asks which of a user's scans from this device the server has, from one sequence to another. */
export type AskArrived = (
  whose: Pick<ScanRecord, "userId" | "deviceId">,
  from: number,
  to: number,
) => Promise<{ kind: "answered"; arrived: Arrived[] } | Exclude<Delivery, { kind: "answered" }>>;

export type Deliver = (batch: ScanRecord[]) => Promise<Delivery>;
