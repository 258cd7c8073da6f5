import { ApiProblem, Unreachable } from "@/shared/api/problems";
import type { Problem } from "@/shared/api/types";
import { ago, hasMessage, t } from "./i18n";

/** The sentence for a problem: ours for its code, else the server's, else a general one. */
export function problemText(problem: Problem): string {
  const key = `problem.${problem.code}`;
  if (hasMessage(key)) return t(key);
  return problem.detail || problem.title || t("problem.unexpected");
}

/** The sentence for whatever a call threw. */
export function errorText(error: unknown): string {
  if (error instanceof ApiProblem) return problemText(error.problem);
  if (error instanceof Unreachable) return t("problem.unreachable");
  return t("problem.unexpected");
}

/** Where the bag is instead, who put it there and when, as far as the server says. */
export function whereInstead(problem: Problem): string | null {
  const parent = field(problem.parent, "code");
  if (problem.code !== "child_in_other_parent" || parent === null) return null;
  const who = field(problem.linked_by, "username");
  const when = problem.linked_at;
  if (who === null || typeof when !== "string") return t("refused.inParent", { parent });
  return t("refused.inParent.by", { parent, who, when: ago(when) });
}

function field(of: unknown, name: string): string | null {
  if (typeof of !== "object" || of === null) return null;
  const value = (of as Record<string, unknown>)[name];
  return typeof value === "string" ? value : null;
}
