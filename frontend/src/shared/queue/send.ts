import type { ScanAnswer, ScanRecord } from "./records";

/** What came of handing a batch to the network. */
export type Delivery =
  | { kind: "answered"; answers: ScanAnswer[] }
  /** Nobody knows whether it arrived, or the server asks to come back later. */ /** `poison`: the server fails on these very scans (500), while it may manage others. */
  | { kind: "later"; retryAfter: number | null; reached: boolean; poison?: boolean }
  /** The server understood the request and will never take it as it is. */
  | { kind: "rejected"; problem: NonNullable<ScanAnswer["problem"]> }
  /** Signed out, or the password must be changed first: the scans wait for that. */
  | { kind: "locked" };

export type Deliver = (batch: ScanRecord[]) => Promise<Delivery>;
