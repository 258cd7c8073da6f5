import { useCallback, useMemo } from "react";
import { useSearchParams } from "wouter";

/** What a list is looked at by. It stands in the address, so that a link or coming back shows the same. */
export interface Filters<T extends Record<string, string>> {
  values: T;
  change: (some: Partial<T>) => void;
  clear: () => void;
  /** Whether anything but the order differs from what the list begins with. */
  active: boolean;
  /** The same as it stands in the address, to be kept under a name. */
  query: string;
  /** Puts a kept one in place of what there is. */
  apply: (query: string) => void;
}

/** `start` names every filter and says what it begins with; only what differs stands in the address. */
export function useFilters<T extends Record<string, string>>(start: T): Filters<T> {
  const [params, setParams] = useSearchParams();
  const names = Object.keys(start);
  const text = names.map((name) => params.get(name) ?? start[name]).join("\n");
  // The same object while nothing has changed, whatever the page renders for.
  const values = useMemo(
    () => Object.fromEntries(names.map((name) => [name, params.get(name) ?? start[name]])) as T,
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [text],
  );

  const set = useCallback(
    (next: (name: string, before: URLSearchParams) => string | null) =>
      setParams(
        (before) => {
          const after = new URLSearchParams(before);
          for (const name of Object.keys(start)) {
            const value = next(name, before);
            if (value === null || value === start[name]) after.delete(name);
            else after.set(name, value);
          }
          return after;
        },
        { replace: true },
      ),
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [setParams],
  );

  const kept = new URLSearchParams();
  for (const name of names) if (values[name] !== start[name]) kept.set(name, values[name] ?? "");
  return {
    values,
    change: (some) => set((name, before) => some[name] ?? before.get(name)),
    clear: () => set((name, before) => (name === "sort" ? before.get(name) : null)),
    active: names.some((name) => name !== "sort" && values[name] !== start[name]),
    query: kept.toString(),
    apply: (query) => {
      const chosen = new URLSearchParams(query);
      set((name) => chosen.get(name));
    },
  };
}

/** The first and the last moment of days as a date field gives them, `2026-11-24`. */
export const dayStart = (day: string): string | null =>
  day === "" ? null : new Date(`${day}T00:00`).toISOString();
export const dayEnd = (day: string): string | null =>
  day === "" ? null : new Date(`${day}T23:59:59.999`).toISOString();
