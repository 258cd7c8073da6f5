import { useInfiniteQuery, useQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useUser } from "@/shared/api/session";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { useLedger } from "@/shared/live/useLive";
import { newId } from "@/shared/queue/codes";
import { useScanLine, type Said } from "@/shared/scanner/useScanLine";
import { attach, bagsOn, detachBag, getBill, type BilledBag, type Bill } from "./calls";
import { warningText } from "./warnings";

type Page = Awaited<ReturnType<typeof bagsOn>>;
type Pages = InfiniteData<Page, string | null>;

/** How often an open bill is looked at while the live line, which tells of changes, is down, in ms. */
const LOOK_MS = 2_500;
/** The same while it stands: only in case. */
const IN_CASE_MS = 30_000;
/** Changes within this time are looked at together, in ms. */
const TOGETHER_MS = 250;
const PAGE = 100;

export const billKey = (id: number) => ["bill", id] as const;
const bagsKey = (id: number) => ["bill", id, "bags"] as const;

/** A bill, its parents, and the scans that change them. */
export function useBill(id: number) {
  const queries = useQueryClient();
  const user = useUser();
  const [q, setQ] = useState("");

  const here = useRef<ReadonlySet<number>>(new Set());
  const soon = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const live = useLedger((events) => {
    const ours =
      events === null ||
      events.some(({ subject_type, subject_id, parent_id }) =>
        subject_type === "bill"
          ? subject_id === id
          : here.current.has(subject_id ?? 0) || here.current.has(parent_id ?? 0),
      );
    if (!ours || soon.current !== undefined) return;
    soon.current = setTimeout(() => {
      soon.current = undefined;
      void queries.invalidateQueries({ queryKey: billKey(id), exact: true });
    }, TOGETHER_MS);
  });
  useEffect(() => () => clearTimeout(soon.current), []);

  const bill = useQuery({
    queryKey: billKey(id),
    queryFn: () => getBill(id),
    refetchInterval: (query) =>
      query.state.data?.state === "completed" ? false : live.up ? IN_CASE_MS : LOOK_MS,
  });
  const bags = useInfiniteQuery({
    queryKey: [...bagsKey(id), q],
    queryFn: ({ pageParam }) => bagsOn(id, q, pageParam, PAGE),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: Infinity,
    // One bag on and another off between two looks leave the totals as they were.
    refetchInterval: (query) =>
      bill.data?.state !== "completed" && (query.state.data?.pages.length ?? 0) <= 2 ? 20_000 : false,
  });

  /** The bill as an answer of our own tells it: newer than any look that is still under way. */
  const accept = useCallback(
    (now: Bill) => {
      void queries.cancelQueries({ queryKey: billKey(id), exact: true });
      queries.setQueryData(billKey(id), now);
    },
    [queries, id],
  );
  const changeRows = useCallback(
    (change: (rows: BilledBag[], first: boolean) => BilledBag[]) => {
      const queryKey = bagsKey(id);
      // What is on its way does not know of this change yet: it has to be asked anew.
      const onItsWay = queries.isFetching({ queryKey }) > 0;
      void queries.cancelQueries({ queryKey });
      queries.setQueriesData<Pages>({ queryKey }, (now) =>
        now === undefined
          ? now
          : {
              ...now,
              pages: now.pages.map((page, at) => ({ ...page, items: change(page.items, at === 0) })),
            },
      );
      if (onItsWay) void queries.invalidateQueries({ queryKey });
    },
    [queries, id],
  );

  // What we counted ourselves; a look that differs from it tells that others were at work.
  const ours = useRef<string | null>(null);
  const seen = bill.data === undefined ? null : tally(bill.data);
  useEffect(() => {
    if (seen === null) return;
    if (ours.current !== null && ours.current !== seen)
      void queries.invalidateQueries({ queryKey: bagsKey(id) });
    ours.current = seen;
  }, [seen, queries, id]);

  const line = useScanLine({
    line: { user_id: user.id, page: `/bills/${id}`, id, title: bill.data?.number ?? "" },
    send: (scan) => attach(id, scan),
    onAnswer: (scan, answer): Said => {
      const bag: BilledBag = {
        ...answer.bag,
        attached_at: answer.bag.updated_at,
        attached_by: { id: user.id, username: user.username },
        warnings: answer.warnings,
      };
      const fresh = answer.outcome === "attached";
      ours.current = tally(answer.bill);
      accept(answer.bill);
      if (fresh)
        changeRows((rows, first) => {
          const others = rows.filter((row) => row.id !== bag.id);
          return first ? [bag, ...others] : others;
        });
      return {
        id: scan.scan_id,
        tone: !fresh ? "already" : answer.warnings.length > 0 ? "waiting" : "ok",
        kind: fresh ? "attached" : "already",
        word: fresh ? "bill.word.attached" : "bill.word.already",
        // It is on the bill: only the colour and the sentence ask for a look.
        ...(fresh ? { icon: "ok" as const } : {}),
        code: bag.code,
        lines: [t("bill.inside", { count: bag.child_count, kg: number(bag.weight_kg) })],
        warnings: bag.warnings.map((warning) => warningText(warning, bag)),
        problem: null,
        undo: fresh ? () => detach(bag) : null,
      };
    },
  });

  const scan = (text: string) => {
    // The newest shall be in sight.
    setQ("");
    line.scan(text);
  };

  const detach = async (bag: BilledBag) => {
    const answer = await detachBag(id, bag.id, newId());
    ours.current = tally(answer.bill);
    accept(answer.bill);
    changeRows((rows) => rows.filter((row) => row.id !== bag.id));
    line.say({
      id: answer.scan_id,
      tone: "already",
      kind: "detached",
      word: "bill.word.detached",
      icon: "undo",
      code: bag.code,
      lines: [],
      problem: null,
      undo: () => scan(bag.code),
    });
  };

  const rows = useMemo(() => bags.data?.pages.flatMap((page) => page.items) ?? [], [bags.data]);
  here.current = useMemo(() => new Set(rows.map((row) => row.id)), [rows]);

  return {
    bill,
    bags,
    rows,
    q,
    setQ,
    line,
    scan,
    detach,
    accept,
    refreshRows: () => queries.invalidateQueries({ queryKey: bagsKey(id) }),
  };
}

export type BillAtWork = ReturnType<typeof useBill>;

const tally = (bill: Bill): string =>
  [bill.parent_count, bill.child_count, bill.expected_weight_kg, bill.state, bill.updated_at].join(" ");
