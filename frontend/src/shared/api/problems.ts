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

/** The call never came back: no network, or no answer in time. */
export class Unreachable extends Error {}

/** An error answer as a problem; a proxy's HTML page becomes one like any other. */
export function problemOf(response: Response, body: unknown): Problem {
  const fallback: Problem = {
    code: response.status >= 500 ? "internal_error" : "unexpected",
    status: response.status,
    title: response.statusText,
    detail: "",
  };
  return typeof body === "object" && body !== null ? { ...fallback, ...body } : fallback;
}

/** The same, read from an answer that stays readable. */
export async function readProblem(response: Response): Promise<Problem> {
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return problemOf(response, body);
}
