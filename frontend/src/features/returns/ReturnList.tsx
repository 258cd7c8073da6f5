import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { ago, moment, number } from "@/shared/i18n/i18n";
import { t, type OfficeKey } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Bar } from "@/shared/ui/Bar";
import { ReturnDrawing } from "@/shared/ui/drawings";
import { Line, Paragraph } from "@/shared/ui/fields";
import { Icon, type IconName } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Question } from "@/shared/ui/Question";
import { createReturn, listReturns, type Return } from "./calls";

const STATES: Record<Return["state"], { key: OfficeKey; icon: IconName }> = {
  open: { key: "return.state.open", icon: "open" },
  confirmed: { key: "return.state.confirmed", icon: "ok" },
  cancelled: { key: "return.state.cancelled", icon: "close" },
};

export function ReturnBadge({ state }: { state: Return["state"] }) {
  return (
    <span class="badge" data-state={state}>
      <Icon name={STATES[state].icon} />
      {t(STATES[state].key)}
    </span>
  );
}

export function ReturnList() {
  const [, go] = useLocation();
  const [making, setMaking] = useState(false);
  const [dealer, setDealer] = useState("");
  const [reason, setReason] = useState("");
  const pages = useInfiniteQuery({
    queryKey: ["returns"],
    queryFn: ({ pageParam }) => listReturns(pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: 0,
  });
  const returns = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <Bar title={t("return.title")} />
      <main class="page office">
        <div class="office-head">
          <button
            type="button"
            class="button"
            data-kind="main"
            data-size="scan"
            onClick={() => setMaking(true)}
          >
            <Icon name="plus" />
            {t("return.new")}
          </button>
        </div>
        {pages.isError && (
          <Note tone="refused" alert>
            {errorText(pages.error)}
          </Note>
        )}
        {pages.isSuccess && returns.length === 0 ? (
          <div class="middle">
            <ReturnDrawing class="office-drawing" />
            <p>{t("return.none")}</p>
          </div>
        ) : (
          <div class="card table return-table">
            <ul>
              {returns.map((one) => (
                <li key={one.id}>
                  <Link href={`/returns/${one.id}`} class="table-row" data-testid="return-row">
                    <span class="return-name">
                      <strong class="code">{one.number}</strong>
                      <ReturnBadge state={one.state} />
                    </span>
                    <span class="return-why">
                      {one.dealer !== "" && <strong>{one.dealer}</strong>}
                      <span class="soft">{one.reason}</span>
                    </span>
                    <span class="number">
                      <strong>{number(one.parent_count)}</strong>{" "}
                      {t("bill.parents.word", { count: one.parent_count })}
                    </span>
                    <time class="soft" dateTime={one.created_at} title={moment(one.created_at)}>
                      {t("story.by", { who: one.created_by.username, when: ago(one.created_at) })}
                    </time>
                  </Link>
                </li>
              ))}
            </ul>
            {pages.hasNextPage && (
              <button type="button" class="button" data-wide onClick={() => void pages.fetchNextPage()}>
                <Icon name="plus" />
                {t("app.more")}
              </button>
            )}
          </div>
        )}
      </main>
      {making && (
        <Question
          title={t("return.new")}
          go={t("return.create")}
          icon="plus"
          onClose={() => setMaking(false)}
          act={async () => go(`/returns/${(await createReturn({ reason, dealer })).id}`)}
        >
          <Line
            label={t("return.dealer")}
            value={dealer}
            maxLength={200}
            first
            name="dealer"
            onValue={setDealer}
          />
          <Paragraph
            label={t("bill.reopen.reason")}
            value={reason}
            maxLength={500}
            required
            onValue={setReason}
          />
        </Question>
      )}
    </>
  );
}
