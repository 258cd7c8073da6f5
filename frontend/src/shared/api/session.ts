import { useSyncExternalStore } from "react";
import { proveAgain } from "./again";
import { readFailure, readJson, readProblem, Unreachable } from "./problems";
import type { Tokens, User } from "./types";

const BASE = "/api/v1";
/** A call that has no answer by then counts as lost; the scan's id makes trying again safe. */
const TIMEOUT_MS = 15_000;
/** Somebody waits with a finger on the glass, in ms. */
const SHORT_MS = 3_000;
/** Renew this long before the token ends, in ms. */
const RENEW_EARLY_MS = 20_000;
/** Who was here last, so that scanning can go on when the server cannot be reached. No secret. */
const LAST_USER = "tracetrack.user";

export type Session =
  | { status: "starting" }
  /**
   * `ended`: it was not the user who ended the session. `user`: whose it was, as long as the page may go on taking scans
   * for that person; nothing is sent until somebody signs in.
   */
  | { status: "signed-out"; ended: boolean; user?: User }
  | { status: "signed-in"; user: User };

let session: Session = { status: "starting" };
/** Only here, never in storage: a token in storage is a token for every script. */
let token: { value: string; endsAt: number } | null = null;
let refreshing: Promise<boolean> | null = null;
const watchers = new Set<() => void>();

export const currentSession = (): Session => session;

function show(next: Session): void {
  session = next;
  for (const watcher of watchers) watcher();
}

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export function useSession(): Session {
  return useSyncExternalStore(subscribe, currentSession);
}

/** The signed-in user; only for screens behind sign-in. */
export function useUser(): User {
  const now = useSession();
  const user = now.status === "starting" ? undefined : now.user;
  if (user === undefined) throw new Error("no user");
  return user;
}

/** Leaves the page whose session has ended for the sign-in page, unless somebody has signed in in another tab. */
export async function leaveForSignIn(): Promise<void> {
  const again = await refresh().catch(() => false);
  if (!again) show({ status: "signed-out", ended: true });
}

/** Who has signed in on this device, by id, so that it can be said whose scans wait. */
const NAMES = "tracetrack.names";

const names = (): Record<string, string> => {
  try {
    return JSON.parse(localStorage.getItem(NAMES) ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
};

/** What a user of this device is called; null where nobody knows. */
export const nameOf = (userId: number): string | null => names()[userId] ?? null;

export function setUser(user: User): void {
  localStorage.setItem(LAST_USER, JSON.stringify(user));
  localStorage.setItem(NAMES, JSON.stringify({ ...names(), [user.id]: user.full_name || user.username }));
  show({ status: "signed-in", user });
}

function accept(answer: Tokens): void {
  token = { value: answer.access_token, endsAt: Date.now() + answer.expires_in * 1_000 };
  setUser(answer.user);
}

/** fetch with a deadline; a lost connection and a lost answer are the same `Unreachable`. */
export async function reach(
  input: RequestInfo | URL,
  init?: RequestInit,
  timeout = TIMEOUT_MS,
): Promise<Response> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), timeout);
  try {
    return await fetch(input, { ...init, signal: deadline.signal, credentials: "same-origin" });
  } catch {
    throw new Unreachable();
  } finally {
    clearTimeout(timer);
  }
}

function csrf(): Record<string, string> {
  const found = /(?:^|;\s*)(?:__Host-)?tt_csrf=([^;]*)/.exec(document.cookie);
  return found?.[1] === undefined ? {} : { "X-CSRF-Token": decodeURIComponent(found[1]) };
}

/** `totp` is the code of the second factor, once the answer was `totp_required`. */
export async function signIn(username: string, password: string, totp?: string): Promise<void> {
  const response = await reach(`${BASE}/auth/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password, ...(totp === undefined ? {} : { totp }) }),
  });
  if (!response.ok) throw await readFailure(response);
  accept(await readTokens(response));
}

/** Throws `Unreachable` where a success is not the server's. */
async function readTokens(response: Response): Promise<Tokens> {
  const tokens = await readJson<Partial<Tokens>>(response);
  if (typeof tokens.access_token !== "string" || tokens.user === undefined) throw new Unreachable();
  return tokens as Tokens;
}

/** Whether the server itself answers, rather than nobody or a page in between. */
export async function canReachServer(): Promise<boolean> {
  const answer = await reach(`${BASE}/site`, undefined, SHORT_MS).catch(() => null);
  return answer !== null && answer.ok && (await readJson(answer).catch(() => null)) !== null;
}

/** Ends the session here at once, and on the server when it can be reached. The scan queue stays. */
export async function signOut(): Promise<void> {
  const headers = { ...csrf(), ...bearer() };
  token = null;
  localStorage.removeItem(LAST_USER);
  show({ status: "signed-out", ended: false });
  await reach(`${BASE}/auth/logout`, { method: "POST", headers }).catch(() => undefined);
}

function bearer(): Record<string, string> {
  return token === null ? {} : { Authorization: `Bearer ${token.value}` };
}

/**
 * Renews the access token, once for all who ask at the same time, in this tab and in the others.
 * False when the session is over; throws `Unreachable` when nobody could be asked.
 */
export function refresh(): Promise<boolean> {
  refreshing ??= alone("tracetrack-refresh", askForToken).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function askForToken(): Promise<boolean> {
  // No session ever began here, or it was ended: nothing to ask for.
  if (Object.keys(csrf()).length === 0 && token === null) return endHere();
  const response = await reach(`${BASE}/auth/refresh`, { method: "POST", headers: csrf() });
  if (response.ok) {
    accept(await readTokens(response));
    return true;
  }
  // Only the server's own word ends a session: a proxy's page with 401 or 403 signs nobody out.
  const problem = await readProblem(response);
  if (problem?.status === 401 || problem?.status === 403) return endHere();
  throw new Unreachable();
}

function endHere(): false {
  token = null;
  localStorage.removeItem(LAST_USER);
  if (session.status === "signed-in") show({ status: "signed-out", ended: true, user: session.user });
  else if (session.status === "starting") show({ status: "signed-out", ended: false });
  return false;
}

/** Runs `work` while no other tab runs the same; without locks (plain http) just runs it. */
export async function alone<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const locks = (navigator as Partial<Navigator>).locks;
  if (locks === undefined) return work();
  // The lock's own type would wrap the promise twice.
  return await locks.request(name, signal === undefined ? {} : { signal }, work);
}

/** Whether a session seems to be left by an earlier page; only the server knows. */
export const wasSignedIn = (): boolean => Object.keys(csrf()).length > 0 || lastUser() !== null;

/** Looks for a session left by an earlier page. */
export async function startSession(): Promise<void> {
  try {
    await refresh();
  } catch {
    const user = lastUser();
    show(user === null ? { status: "signed-out", ended: false } : { status: "signed-in", user });
  }
}

function lastUser(): User | null {
  try {
    return JSON.parse(localStorage.getItem(LAST_USER) ?? "null") as User | null;
  } catch {
    return null;
  }
}

/** fetch for everything behind sign-in: adds the token, renews it when needed, and tries once more. */
export function authorized(request: Request): Promise<Response> {
  return authorizedWithin(request, TIMEOUT_MS);
}

/** The same for what takes its time to answer, such as a document that is made first. */
export async function authorizedWithin(request: Request, timeout: number): Promise<Response> {
  const again = request.clone();
  const proved = request.clone();
  await renewIfNeeded();
  let answer = await reach(withToken(request), undefined, timeout);
  if (answer.status === 401) {
    if (!(await refresh())) return answer;
    answer = await reach(withToken(again), undefined, timeout);
  }
  if (await mustProveAgain(answer)) {
    if (!(await proveAgain())) return answer;
    await renewIfNeeded();
    answer = await reach(withToken(proved), undefined, timeout);
  }
  return noteForcedChange(answer);
}

const mustProveAgain = async (answer: Response): Promise<boolean> =>
  answer.status === 403 && (await readProblem(answer))?.code === "reauthentication_required";

async function renewIfNeeded(): Promise<void> {
  if (token === null || token.endsAt - Date.now() < RENEW_EARLY_MS) await refresh();
}

/** What a call needs that fetch cannot make, such as an upload that tells how far it is. */
export async function freshBearer(): Promise<Record<string, string>> {
  await renewIfNeeded();
  return bearer();
}

function withToken(request: Request): Request {
  const headers = new Headers(request.headers);
  // What the server says itself comes in the language on screen, not the browser's.
  headers.set("Accept-Language", document.documentElement.lang);
  for (const [name, value] of Object.entries(bearer())) headers.set(name, value);
  return new Request(request, { headers });
}

/** An admin may ask for a new password, or for second factors, in the middle of a session. */
async function noteForcedChange(response: Response): Promise<Response> {
  if (response.status === 403 && session.status === "signed-in") {
    const code = (await readProblem(response))?.code;
    const { user } = session;
    if (code === "password_change_required" && !user.must_change_password)
      setUser({ ...user, must_change_password: true });
    if (code === "totp_setup_required" && !user.must_set_up_totp)
      setUser({ ...user, must_set_up_totp: true });
  }
  return response;
}
