import { retryAfterSeconds } from "./retryAfter";
import type { Problem } from "./types";

/** What a call comes to when the server says no. */
export class ApiProblem extends Error {
  constructor(
    readonly problem: Problem,
    /** Seconds the server asks to wait, if it does. */
    readonly retryAfter: number | null = null,
  ) {
    super(problem.code);
  }
}

/** The call never reached the server, or its answer never came back: no network, no answer in time, a proxy. */
export class Unreachable extends Error {
  constructor(
    /** Seconds that whoever answered asks to wait, if it does. */
    readonly retryAfter: number | null = null,
  ) {
    super("unreachable");
  }
}

/**
 * The server's own problem document (RFC 9457), or null. A page of a proxy, a captive portal or a load
 * balancer is no verdict, whatever its status: it says nothing about the call.
 */
export function problemOf(response: Response, body: unknown): Problem | null {
  const type = response.headers.get("Content-Type") ?? "";
  if (!/^application\/problem\+json\b/i.test(type) || typeof body !== "object" || body === null) return null;
  const { code } = body as { code?: unknown };
  if (typeof code !== "string") return null;
  return { title: response.statusText, detail: "", ...body, code, status: response.status };
}

/** The same, read from an answer that stays readable. */
export async function readProblem(response: Response): Promise<Problem | null> {
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return problemOf(response, body);
}

/** What an answer that is not a success throws: the server's verdict, or that nobody could be reached. */
export function failureOf(response: Response, body: unknown): ApiProblem | Unreachable {
  const problem = problemOf(response, body);
  const wait = retryAfterSeconds(response.headers.get("Retry-After"));
  return problem === null ? new Unreachable(wait) : new ApiProblem(problem, wait);
}

/** The same for a bare answer of `fetch`. */
export const readFailure = async (response: Response): Promise<ApiProblem | Unreachable> =>
  failureOf(response, await response.json().catch(() => null));

/** The JSON of a success; throws `Unreachable` where it is not JSON, as from a captive portal. */
export async function readJson<T>(response: Response): Promise<T> {
  const body: unknown = await response.json().catch(() => null);
  if (typeof body !== "object" || body === null) throw new Unreachable();
  return body as T;
}
