/**
 * What happens, as it happens. One line a page and view, however many parts of the page listen.
 *
 *     const line = useLedger((events) => ...);            // events of the ledger; null: look anew
 *     const line = useSummary(area, (summary) => ...);    // the dashboard's figures as they change
 *     <LineNote line={line} />                            // says when the line is down, and since when
 */
import { useEffect, useRef, useState } from "react";
import type { components } from "@/shared/api/schema";
import { Line, type LineState } from "./line";

export type Summary = components["schemas"]["Summary"];

/** An effect that was committed. */
export interface LedgerEvent {
  id: number;
  at: string;
  action: string;
  subject_type: string;
  subject_id: number | null;
  code: string | null;
  area_id: number | null;
  parent_id: number | null;
  actor: { id: number; username: string } | null;
}

interface Ledger {
  events: LedgerEvent[];
  /** There were more than one message holds. */
  more: boolean;
}

const lines = new Map<string, Line>();

function lineTo(query: string): Line {
  const path = `/api/v1/events${query === "" ? "" : `?${query}`}`;
  const line = lines.get(path) ?? new Line(path);
  lines.set(path, line);
  return line;
}

function useLine(query: string, onMessage: (kind: string, data: unknown) => void): LineState {
  const [state, setState] = useState<LineState>(() => lineTo(query).state);
  const handler = useRef(onMessage);
  handler.current = onMessage;
  useEffect(() => {
    const line = lineTo(query);
    const leave = line.add({
      onMessage: ({ kind, data }) => handler.current(kind, data),
      onState: setState,
    });
    setState(line.state);
    return leave;
  }, [query]);
  return state;
}

/** Calls with what was committed; with null when too much was missed, and all has to be asked for anew. */
export function useLedger(onEvents: (events: readonly LedgerEvent[] | null) => void): LineState {
  return useLine("", (kind, data) => {
    if (kind === "reset") return onEvents(null);
    if (kind !== "ledger") return;
    const { events, more } = data as Ledger;
    onEvents(more ? null : events);
  });
}

type Import = components["schemas"]["Import"];

/** What changes of an import while it runs. */
export type Moved = Pick<Import, "id" | "state" | "phase" | "rows_total" | "rows_read" | "rows_done"> &
  Pick<Import, "seconds" | "progress" | "rows_per_second" | "seconds_left">;

/** Calls with how far an import is, once a second; with null when something else became of it. */
export function useImport(id: number, onMoved: (moved: Moved | null) => void): LineState {
  return useLine("", (kind, data) => {
    if (kind === "reset") return onMoved(null);
    if (kind === "import") {
      const moved = data as Moved;
      if (moved.id === id) onMoved(moved);
    } else if (kind === "ledger") {
      const { events, more } = data as Ledger;
      if (more || events.some((one) => one.subject_type === "import" && one.subject_id === id)) onMoved(null);
    }
  });
}

/** Calls with the dashboard's figures, of one area or of all (""), at once and whenever they change. */
export function useSummary(area: string, onSummary: (summary: Summary) => void): LineState {
  const query = area === "" ? "summary=true" : `summary=true&area_id=${area}`;
  return useLine(query, (kind, data) => {
    if (kind === "summary") onSummary(data as Summary);
  });
}
