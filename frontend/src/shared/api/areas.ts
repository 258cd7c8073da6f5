import { useQuery } from "@tanstack/react-query";
import { api, take } from "./calls";
import type { components } from "./schema";

export type Area = components["schemas"]["Area"];

/** All areas that one sees; there are never many, but more than a page is possible. */
async function allAreas(): Promise<Area[]> {
  const areas: Area[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: Area[]; next_cursor?: string | null } = await take(
      api.GET("/api/v1/areas", { params: { query: { limit: 200, cursor } } }),
    );
    areas.push(...page.items);
    cursor = page.next_cursor ?? null;
  } while (cursor !== null);
  return areas;
}

export function useAreas(): readonly Area[] {
  return useQuery({ queryKey: ["areas"], queryFn: allAreas, staleTime: 60_000 }).data ?? [];
}
