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

/** Reads an error answer; a proxy's HTML page becomes a problem like any other. */
export async function readProblem(response: Response): Promise<Problem> {
  const fallback: Problem = {
    code: response.status >= 500 ? "internal_error" : "unexpected",
    status: response.status,
    title: response.statusText,
    detail: "",
  };
  try {
    const body: unknown = await response.clone().json();
    return typeof body === "object" && body !== null ? { ...fallback, ...body } : fallback;
  } catch {
    return fallback;
  }
}
