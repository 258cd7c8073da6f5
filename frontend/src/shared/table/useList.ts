import { useInfiniteQuery } from "@tanstack/react-query";

interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** A list of the API, page after page. */
export interface List<T> {
  rows: readonly T[];
  /** Nothing has come yet. */
  pending: boolean;
  /** What is shown belongs to the filters before. */
  old: boolean;
  error: unknown;
  /** Fetches the next page, where there is one. */
  more: (() => void) | null;
  fetchingMore: boolean;
  again: () => void;
}

interface ListOptions {
  /** Asks anew every so many ms while the page is looked at; only while a single page is shown. */
  every?: number;
  enabled?: boolean;
}

/** `key` holds the filters too: another key is another list. */
export function useList<T>(
  key: readonly unknown[],
  page: (cursor: string | null) => Promise<Page<T>>,
  { every, enabled = true }: ListOptions = {},
): List<T> {
  const pages = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => page(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? null,
    placeholderData: (before) => before,
    staleTime: 0,
    enabled,
    refetchInterval: (query) =>
      every !== undefined && (query.state.data?.pages.length ?? 0) <= 1 ? every : false,
  });
  return {
    rows: pages.data?.pages.flatMap((one) => one.items) ?? [],
    pending: pages.isPending,
    old: pages.isPlaceholderData,
    error: pages.error,
    more: pages.hasNextPage ? () => void pages.fetchNextPage() : null,
    fetchingMore: pages.isFetchingNextPage,
    again: () => void pages.refetch(),
  };
}
