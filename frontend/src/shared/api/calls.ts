import createClient from "openapi-fetch";
import { failureOf, Unreachable } from "./problems";
import type { components, paths } from "./schema";
import { authorized, setUser } from "./session";

/** Every call behind sign-in, typed by the API's own document. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: authorized });

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * What a call answers, or throws `ApiProblem` (the server says no) or `Unreachable`. A success that is not
 * the API's JSON is a page of somebody between, such as a captive portal.
 */
export async function take<T>(call: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await call.catch((cause: unknown): never => {
    throw cause instanceof SyntaxError ? new Unreachable() : cause;
  });
  if (!response.ok) throw failureOf(response, error);
  if (data === undefined && response.status !== 204) throw new Unreachable();
  return data as T;
}

type Body<Name extends keyof components["schemas"]> = components["schemas"][Name];

export const scanCode = (body: Body<"CodeScan">) => take(api.POST("/api/v1/scans", { body }));

export const scanParent = (body: Body<"ParentScan">) => take(api.POST("/api/v1/scans/parent", { body }));

export const scanChild = (body: Body<"ChildScan">) => take(api.POST("/api/v1/scans/child", { body }));

export const syncScans = (scans: Body<"QueuedScan">[]) =>
  take(api.POST("/api/v1/scans/sync", { body: { scans } }));

export const scansFromDevice = (device_id: string, after: number, limit: number) =>
  take(api.GET("/api/v1/scans/device", { params: { query: { device_id, after, limit } } }));

export const bagCard = async (bag_id: number) =>
  (await take(api.GET("/api/v1/bags/{bag_id}", { params: { path: { bag_id } } }))).bag;

export const currentParent = () => take(api.GET("/api/v1/scans/current"));

export const recentScans = (limit: number) =>
  take(api.GET("/api/v1/scans", { params: { query: { limit } } }));

export const childrenOf = (bag_id: number, cursor: string | null, limit: number) =>
  take(api.GET("/api/v1/bags/{bag_id}/children", { params: { path: { bag_id }, query: { cursor, limit } } }));

export const lookup = (code: string) => take(api.GET("/api/v1/bags/lookup", { params: { query: { code } } }));

/** Codes of one kind that begin so, or where none does, that hold it: a torn label may lack its beginning. */
export async function codesLike(part: string, kind: "parent" | "child"): Promise<string[]> {
  const begin = await take(api.GET("/api/v1/bags/suggest", { params: { query: { q: part, kind } } }));
  if (begin.length > 0) return begin;
  const query = { q: part, kind, limit: 4 };
  return (await take(api.GET("/api/v1/bags", { params: { query } }))).items.map((bag) => bag.code);
}

export const history = (bag_id: number, cursor: string | null) =>
  take(
    api.GET("/api/v1/bags/{bag_id}/history", { params: { path: { bag_id }, query: { cursor, limit: 50 } } }),
  );

export const sessions = () => take(api.GET("/api/v1/auth/sessions"));

export const endSession = (session_id: string) =>
  take(api.DELETE("/api/v1/auth/sessions/{session_id}", { params: { path: { session_id } } }));

export const endOtherSessions = () => take(api.DELETE("/api/v1/auth/sessions"));

export async function changePassword(current_password: string, new_password: string): Promise<void> {
  setUser(await take(api.POST("/api/v1/auth/password", { body: { current_password, new_password } })));
}

export async function saveLanguage(language: string): Promise<void> {
  setUser(await take(api.PATCH("/api/v1/auth/me", { body: { language } })));
}
