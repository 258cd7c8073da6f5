import { retryAfterSeconds } from "@/shared/queue/backoff";
import { ApiProblem, readProblem } from "./problems";
import { authorized, setUser } from "./session";
import type { Bag, HistoryItem, Lookup, Page, ScanItem, ScanWord, SessionItem, User } from "./types";

async function request<T>(
  method: string,
  path: string,
  { query, body }: { query?: Record<string, string | number | undefined>; body?: unknown } = {},
): Promise<T> {
  const url = new URL(`/api/v1${path}`, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const response = await authorized(
    new Request(url, {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    }),
  );
  if (!response.ok) {
    throw new ApiProblem(await readProblem(response), retryAfterSeconds(response.headers.get("Retry-After")));
  }
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export interface OneScan {
  scan_id: string;
  code: string;
  scanned_at: string;
}

export const scanParent = (scan: OneScan) => request<ScanWord>("POST", "/scans/parent", { body: scan });

export const scanChild = (scan: OneScan & { parent_code: string }) =>
  request<ScanWord>("POST", "/scans/child", { body: scan });

export interface SyncedScan {
  scan_id: string;
  action: "parent" | "child" | "move" | "complete" | "unlink";
  parent_code: string;
  code?: string;
  scanned_at: string;
}

export const syncScans = (scans: SyncedScan[]) =>
  request<{ results: ScanWord[] }>("POST", "/scans/sync", { body: { scans } });

export const undoScan = (scanId: string) =>
  request<{ outcome: string; parent?: Bag | null }>("POST", `/scans/${scanId}/undo`);

export const currentParent = () => request<{ parent: Bag | null }>("GET", "/scans/current");

export const recentScans = (limit: number) => request<Page<ScanItem>>("GET", "/scans", { query: { limit } });

export const childrenOf = (bagId: number, cursor?: string | null, limit = 100) =>
  request<Page<Bag>>("GET", `/bags/${bagId}/children`, { query: { limit, cursor: cursor ?? undefined } });

export const moveChild = (childId: number, parentCode: string, scanId: string) =>
  request<ScanWord>("POST", `/bags/${childId}/move`, { body: { parent_code: parentCode, scan_id: scanId } });

export const lookup = (code: string) => request<Lookup>("GET", "/bags/lookup", { query: { code } });

export const history = (bagId: number, cursor?: string | null) =>
  request<Page<HistoryItem>>("GET", `/bags/${bagId}/history`, {
    query: { limit: 50, cursor: cursor ?? undefined },
  });

export const sessions = () => request<{ items: SessionItem[] }>("GET", "/auth/sessions");

export const endSession = (id: string) => request<undefined>("DELETE", `/auth/sessions/${id}`);

export async function changePassword(current: string, next: string): Promise<void> {
  await request<unknown>("POST", "/auth/password", {
    body: { current_password: current, new_password: next },
  });
  setUser(await request<User>("GET", "/auth/me"));
}

export async function saveLanguage(language: string): Promise<void> {
  await request<unknown>("PATCH", "/auth/me", { body: { language } });
}
