/** The words of the API, by the glossary's names. */
export interface Named {
  id: number;
  name: string;
}

export interface BagRef {
  id: number;
  code: string;
}

export interface UserRef {
  id: number;
  username: string;
}

export type BagKind = "parent" | "child";
export type BagState = "open" | "completed" | "billed" | "dispatched" | "free" | "linked";

export interface Bag {
  id: number;
  code: string;
  kind: BagKind;
  state: BagState | null;
  area: Named | null;
  child_count: number;
  expected_children: number | null;
  weight_kg: number;
  parent: BagRef | null;
  bill: { id: number; number: string; state: string } | null;
  created_at: string;
  updated_at: string;
}

export type Role = "dispatcher" | "biller" | "admin";

export interface User {
  id: number;
  username: string;
  full_name: string | null;
  role: Role;
  area: Named | null;
  must_change_password: boolean;
  language: string;
}

export interface Token {
  access_token: string;
  expires_in: number;
  user: User;
}

/** RFC 9457 problem JSON; `code` is stable, the rest is for people. */
export interface Problem {
  code: string;
  status: number;
  title: string;
  detail: string;
  [extra: string]: unknown;
}

/** The answer to one scan. */
export interface ScanWord {
  scan_id: string;
  outcome: string;
  problem?: Problem | null;
  bag?: Bag | null;
  parent?: Bag | null;
}

/** One scan as the server remembers it. */
export interface ScanItem {
  id: number;
  scan_id: string;
  action: string;
  outcome: string;
  code: string | null;
  parent: BagRef | null;
  bag: BagRef | null;
  user: UserRef | null;
  area: Named | null;
  scanned_at: string | null;
  received_at: string;
  undone: boolean;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Lookup {
  bag: Bag;
  parent: Bag | null;
  children: Page<Bag>;
  bill: Bag["bill"];
  scans: ScanItem[];
}

export interface HistoryItem {
  id: number;
  at: string;
  action: string;
  actor: UserRef | null;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  code: string | null;
  subject_id: number | null;
}

export interface SessionItem {
  id: string;
  created_at: string;
  last_seen_at: string;
  user_agent: string | null;
  address: string | null;
  current: boolean;
}
