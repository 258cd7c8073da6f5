import { useState } from "react";
import { useUser } from "@/shared/api/session";

function read<T>(key: string, otherwise: T): T {
  try {
    return (JSON.parse(localStorage.getItem(key) ?? "null") as T | null) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** What somebody chose at this device, by a list's name. */
function useKept<T>(key: string, otherwise: T): [T, (next: T) => void] {
  const full = `${key}.${useUser().id}`;
  const [value, setValue] = useState(() => read(full, otherwise));
  return [
    value,
    (next) => {
      localStorage.setItem(full, JSON.stringify(next));
      setValue(next);
    },
  ];
}

/** By column: whether it is shown, where that was chosen. */
export const useColumnChoice = (name: string) =>
  useKept<Record<string, boolean>>(`tracetrack.columns.${name}`, {});

/** Filters under a name; `query` as it stands in the address. */
export interface Saved {
  name: string;
  query: string;
}

export const useSaved = (name: string) => useKept<Saved[]>(`tracetrack.saved.${name}`, []);
