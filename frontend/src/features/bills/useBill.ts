import { useInfiniteQuery, useQuery, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useUser } from "@/shared/api/session";
import type { Problem } from "@/shared/api/types";
import { newId } from "@/shared/queue/codes";
import { signal, type Tone } from "@/shared/sound/sound";
import { attach, bagsOn, detachBag, getBill, type BilledBag, type Bill } from "./calls";
import { BillSender, type WaitingScan } from "./sender";

/** What came of the last act at the bill. */
export interface Verdict {
  id: string;
  tone: Tone;
  kind: "sending" | "attached" | "already" | "refused" | "detached";
  code: string;
  bag: BilledBag | null;
  problem: Problem | null;
}

export interface RefusedScan {
  id: string;
  code: string;
  problem: Problem;
}

type Page = Awaited<ReturnType<typeof bagsOn>>;
type Pages = InfiniteData<Page, string | null>;

/** How often an open bill is looked at, so that its totals move when others scan, in ms. */
const LOOK_MS = 2_500;
const PAGE = 100;

export const billKey = (id: number) => ["bill", id] as const;
const bagsKey = (id: number) => ["bill", id, "bags"] as const;

/** A bill, its parents, and the scans that change them. */
export function useBill(id: number) {
  const queries = useQueryClient();
  const user = useUser();
  const [q, setQ] = useState("");
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [refused, setRefused] = useState<RefusedScan[]>([]);
  const [waiting, setWaiting] = useState<readonly WaitingScan[]>([]);
  const [linkDown, setLinkDown] = useState(false);

  const bill = useQuery({
    queryKey: billKey(id),
    queryFn: () => getBill(id),
    refetchInterval: (query) => (query.state.data?.state === "completed" ? false : LOOK_MS),
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

  const say = useCallback((next: Verdict) => {
    setVerdict(next);
    if (next.kind !== "sending") signal(next.tone);
  }, []);

  const sender = useMemo(
    () =>
      new BillSender(`tracetrack.bill.${user.id}.${id}`, (scan) => attach(id, scan), {
        onAttached: (scan, answer) => {
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
          say({
            id: scan.scan_id,
            tone: !fresh ? "already" : answer.warnings.length > 0 ? "waiting" : "ok",
            kind: fresh ? "attached" : "already",
            code: bag.code,
            bag,
            problem: null,
          });
        },
        onRefused: (scan, problem) => {
          setRefused((now) => [{ id: scan.scan_id, code: scan.code, problem }, ...now]);
          say({ id: scan.scan_id, tone: "refused", kind: "refused", code: scan.code, bag: null, problem });
        },
        onWaiting: (now, down) => {
          setWaiting(now);
          setLinkDown(down);
        },
      }),
    [id, user.id, user.username, accept, changeRows, say],
  );
  useEffect(() => {
    sender.start();
    const hurry = () => sender.hurry();
    addEventListener("online", hurry);
    return () => {
      removeEventListener("online", hurry);
      sender.stop();
    };
  }, [sender]);

  const scan = (text: string) => {
    const taken = sender.add(text);
    if (taken === null) return;
    // The newest shall be in sight.
    setQ("");
    say({ id: taken.scan_id, tone: "waiting", kind: "sending", code: taken.code, bag: null, problem: null });
  };

  const detach = async (bag: BilledBag) => {
    const answer = await detachBag(id, bag.id, newId());
    ours.current = tally(answer.bill);
    accept(answer.bill);
    changeRows((rows) => rows.filter((row) => row.id !== bag.id));
    say({ id: answer.scan_id, tone: "already", kind: "detached", code: bag.code, bag, problem: null });
  };

  return {
    bill,
    bags,
    rows: useMemo(() => bags.data?.pages.flatMap((page) => page.items) ?? [], [bags.data]),
    q,
    setQ,
    verdict,
    refused,
    forget: (one: RefusedScan) => setRefused((now) => now.filter((other) => other !== one)),
    waiting,
    linkDown,
    scan,
    detach,
    accept,
    refreshRows: () => queries.invalidateQueries({ queryKey: bagsKey(id) }),
  };
}

export type BillAtWork = ReturnType<typeof useBill>;

const tally = (bill: Bill): string =>
  [bill.parent_count, bill.child_count, bill.expected_weight_kg, bill.state, bill.updated_at].join(" ");
