import type { components } from "./schema";

type Schemas = components["schemas"];

/** The words of the API under short names; their meaning is in the API's document. */
export type Bag = Schemas["Bag"];
export type BagRef = Schemas["BagRef"];
export type BagState = Bag["state"];
export type BagDetail = Schemas["BagDetail"];
export type Event = Schemas["Event"];
export type Role = Schemas["Role"];
export type ScanOnServer = Schemas["ScanRecord"];
export type SessionItem = Schemas["Session"];
export type SyncResult = Schemas["SyncResult"];
export type Tokens = Schemas["Tokens"];
export type User = Schemas["User"];

/**
 * RFC 9457 problem JSON. `code` is one of the API's, or of our own for what never reached it; further
 * members depend on the code.
 */
export interface Problem {
  code: string;
  status: number;
  title: string;
  detail: string;
  [extra: string]: unknown;
}
