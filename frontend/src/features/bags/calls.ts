import { api, take } from "@/shared/api/calls";
import type { BagState } from "@/shared/api/types";
import { dayEnd, dayStart } from "@/shared/table/useFilters";
import { BAG_STATES } from "@/shared/ui/BagState";

export interface BagFilters {
  q: string;
  kind: string;
  state: string;
  area: string;
  from: string;
  to: string;
  sort: string;
}

const isState = (text: string): text is BagState => text in BAG_STATES;
const isKind = (text: string): text is "parent" | "child" => text === "parent" || text === "child";
const isSort = (text: string): text is "newest" | "oldest" | "code" =>
  ["newest", "oldest", "code"].includes(text);

/** What the API is asked for, by a list or a file of it alike; whatever an address says amiss is left out. */
export const bagQuery = ({ q, kind, state, area, from, to }: BagFilters) => ({
  q: q.trim() || null,
  kind: isKind(kind) ? kind : null,
  state: isState(state) ? state : null,
  area_id: /^\d{1,15}$/.test(area) ? Number(area) : null,
  from: dayStart(from),
  to: dayEnd(to),
});

export const listBags = (filters: BagFilters, cursor: string | null) =>
  take(
    api.GET("/api/v1/bags", {
      params: {
        query: {
          ...bagQuery(filters),
          sort: isSort(filters.sort) ? filters.sort : "newest",
          cursor,
          limit: 50,
        },
      },
    }),
  );
