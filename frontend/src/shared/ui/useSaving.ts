import { useState } from "react";
import { ApiProblem } from "@/shared/api/problems";
import { t } from "@/shared/i18n/admin";
import { errorText } from "@/shared/i18n/problem";

interface Saving {
  busy: boolean;
  /** What is wrong with a field, for the field to say. */
  at: (field: string) => string | undefined;
  /** What is wrong with none of them. */
  rest: string | null;
  /** Does it; true when it went well. */
  run: (act: () => Promise<unknown>) => Promise<boolean>;
  forget: () => void;
}

interface FieldError {
  loc?: unknown[];
}

/**
 * Saving a form. Each problem is said at its field: `places` names the field that a problem's code is about,
 * and what the server finds invalid names its own.
 */
export function useSaving(places: Record<string, string> = {}): Saving {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const wrong = new Map<string, string>();
  if (error instanceof ApiProblem) {
    const { problem } = error;
    const place = places[problem.code];
    if (place !== undefined) wrong.set(place, errorText(error));
    if (problem.code === "invalid" && Array.isArray(problem.errors)) {
      for (const one of problem.errors as FieldError[]) {
        const field = one.loc?.[1];
        if (typeof field === "string") wrong.set(field, t("form.wrong"));
      }
    }
  }
  return {
    busy,
    at: (field) => wrong.get(field),
    rest: error === null || wrong.size > 0 ? null : errorText(error),
    run: async (act) => {
      if (busy) return false;
      setBusy(true);
      setError(null);
      try {
        await act();
        return true;
      } catch (failure) {
        setError(failure);
        return false;
      } finally {
        setBusy(false);
      }
    },
    forget: () => setError(null),
  };
}
