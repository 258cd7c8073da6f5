import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { Link } from "wouter";
import { useUser } from "@/shared/api/session";
import { ago, moment, number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { ScanField } from "@/shared/scanner/ScanField";
import { useScanLine, type Said } from "@/shared/scanner/useScanLine";
import { Bar } from "@/shared/ui/Bar";
import { ReturnDrawing } from "@/shared/ui/drawings";
import { Figure, Paragraph } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Question } from "@/shared/ui/Question";
import { Rows } from "@/shared/ui/Rows";
import { RefusedScans, SaidPanel } from "@/shared/ui/SaidPanel";
import {
  bagsOf,
  cancelReturn,
  confirmReturn,
  getReturn,
  removeBag,
  scanReturn,
  type Return,
  type ReturnedBag,
} from "./calls";
import { ReturnBadge } from "./ReturnList";

const ROW = 64;
const returnKey = (id: number) => ["return", id] as const;

/** One return ticket: scan what comes back, then confirm. */
export function ReturnPage({ id }: { id: number }) {
  const queries = useQueryClient();
  const user = useUser();
  const [asking, setAsking] = useState<"confirm" | "cancel" | null>(null);
  const [reason, setReason] = useState("");
  const [problem, setProblem] = useState<unknown>(null);
  const found = useQuery({ queryKey: returnKey(id), queryFn: () => getReturn(id), staleTime: 0 });
  const pages = useInfiniteQuery({
    queryKey: [...returnKey(id), "bags"],
    queryFn: ({ pageParam }) => bagsOf(id, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: 0,
  });
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);

  const accept = (now: Return) => {
    queries.setQueryData(returnKey(id), now);
    void queries.invalidateQueries({ queryKey: [...returnKey(id), "bags"] });
  };
  const remove = async (bag: Pick<ReturnedBag, "bag_id">) => {
    await removeBag(id, bag.bag_id);
    await queries.invalidateQueries({ queryKey: returnKey(id) });
  };
  const line = useScanLine({
    line: { user_id: user.id, page: `/returns/${id}`, id, title: found.data?.number ?? "" },
    send: (scan) => scanReturn(id, scan),
    onAnswer: (scan, answer): Said => {
      accept(answer.return);
      const fresh = answer.outcome === "added";
      return {
        id: scan.scan_id,
        tone: fresh ? "ok" : "already",
        kind: answer.outcome,
        word: fresh ? "return.word.added" : "return.word.already",
        code: answer.bag.code,
        lines: [t("return.fromBill", { number: answer.bill.number })],
        problem: null,
        undo: fresh
          ? async () => {
              await remove({ bag_id: answer.bag.id });
              line.say({
                id: `${scan.scan_id}-undone`,
                tone: "already",
                kind: "undone",
                word: "receive.word.undone",
                icon: "undo",
                code: answer.bag.code,
                lines: [],
                problem: null,
                undo: null,
              });
            }
          : null,
      };
    },
  });

  const one = found.data;
  if (one === undefined)
    return (
      <>
        <Bar title={t("return.title")} back="/returns" />
        <main class={found.isError ? "middle" : "middle breathing"}>
          <ReturnDrawing class="office-drawing" />
          {found.isError ? (
            <Note tone="refused" alert>
              {errorText(found.error)}
            </Note>
          ) : (
            <p>{t("app.loading")}</p>
          )}
        </main>
      </>
    );

  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const open = one.state === "open";
  const close = () => setAsking(null);
  return (
    <>
      <Bar title={one.number} back="/returns">
        <ReturnBadge state={one.state} />
      </Bar>
      <main class="page office work">
        <div class="work-side">
          {open && (
            <>
              <ScanField
                label={t("bill.scan")}
                hint={t("bill.scan.hint")}
                active={asking === null}
                onCode={line.scan}
                toneOf={line.toneOf}
              />
              <SaidPanel line={line} ready={t("return.ready")} />
            </>
          )}
          <section class="card totals" aria-label={t("bill.totals")}>
            <dl class="figures">
              <Figure name={t("bill.parents")} testid="return-count">
                {number(one.parent_count)}
              </Figure>
              <Figure name={t("return.dealer")}>{one.dealer || t("return.dealer.none")}</Figure>
            </dl>
            <p class="return-reason">{one.reason}</p>
            <p class="soft">
              {t("story.by", { who: one.created_by.username, when: moment(one.created_at) })}
            </p>
            {one.state === "confirmed" && <Note tone="ok">{t("return.confirmed")}</Note>}
            {one.state === "cancelled" && (
              <Note tone="waiting">{t("return.cancelled", { reason: one.cancelled_because ?? "" })}</Note>
            )}
          </section>
          {one.state !== "cancelled" && (
            <div class="acts">
              {open && one.parent_count > 0 && (
                <button
                  type="button"
                  class="button"
                  data-kind="ok"
                  data-size="scan"
                  onClick={() => setAsking("confirm")}
                >
                  <span class="on-ok">
                    <Icon name="ok" />
                  </span>
                  {t("return.confirm")}
                </button>
              )}
              <button type="button" class="button" onClick={() => setAsking("cancel")}>
                <Icon name={open ? "close" : "undo"} />
                {t(open ? "return.giveUp" : "return.putBack")}
              </button>
            </div>
          )}
        </div>
        <div class="work-main">
          <RefusedScans refused={line.refused} forget={line.forget} />
          <section class="card" aria-labelledby="returned">
            <h2 id="returned" class="return-head">
              {t("bill.parents")}
            </h2>
            {(problem !== null || pages.isError) && (
              <Note tone="refused" alert>
                {errorText(problem ?? pages.error)}
              </Note>
            )}
            {pages.isSuccess && rows.length === 0 && <p class="soft">{t("return.bags.none")}</p>}
            <Rows
              rows={rows}
              keyOf={(bag) => bag.bag_id}
              height={ROW}
              label={t("bill.parents")}
              onNearEnd={more}
            >
              {(bag) => (
                <div class="return-row" data-testid="returned-bag">
                  <span class="return-text">
                    <strong class="code">{bag.code}</strong>
                    <span class="soft">
                      {t("story.by", { who: bag.added_by.username, when: ago(bag.added_at) })}
                    </span>
                  </span>
                  {bag.bill !== null && (
                    <Link href={`/bills/${bag.bill.id}`} class="code inline-link">
                      {bag.bill.number}
                    </Link>
                  )}
                  {open && (
                    <button
                      type="button"
                      class="icon-button"
                      aria-label={t("return.remove", { code: bag.code })}
                      onClick={() => {
                        setProblem(null);
                        remove(bag).catch(setProblem);
                      }}
                    >
                      <Icon name="close" />
                    </button>
                  )}
                </div>
              )}
            </Rows>
          </section>
        </div>
      </main>
      {asking === "confirm" && (
        <Question
          title={t("return.confirm.title", { count: one.parent_count })}
          go={t("return.confirm")}
          icon="ok"
          onClose={close}
          act={async () => accept(await confirmReturn(id))}
        >
          <p>{t("return.confirm.why")}</p>
        </Question>
      )}
      {asking === "cancel" && (
        <Question
          title={t(open ? "return.giveUp.title" : "return.putBack.title")}
          go={t(open ? "return.giveUp" : "return.putBack")}
          icon={open ? "close" : "undo"}
          onClose={close}
          act={async () => accept(await cancelReturn(id, reason))}
        >
          <p>{t(open ? "return.giveUp.why" : "return.putBack.why")}</p>
          <Paragraph
            label={t("bill.reopen.reason")}
            value={reason}
            maxLength={500}
            required
            first
            onValue={setReason}
          />
        </Question>
      )}
    </>
  );
}
