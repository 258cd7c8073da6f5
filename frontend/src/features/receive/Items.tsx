import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { ago, number } from "@/shared/i18n/i18n";
import { t, type OfficeKey } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import type { Tone } from "@/shared/sound/sound";
import { Tabs } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note, ToneIcon } from "@/shared/ui/parts";
import { Rows } from "@/shared/ui/Rows";
import { itemsOf, type Receipt, type ReceiptItem } from "./calls";

type Result = ReceiptItem["result"];

const RESULTS: readonly { result: Result; key: OfficeKey; tone: Tone; count: (one: Receipt) => number }[] = [
  { result: "short", key: "receive.short", tone: "refused", count: (one) => one.short_count },
  { result: "excess", key: "receive.excess", tone: "waiting", count: (one) => one.excess_count },
  { result: "found", key: "receive.found", tone: "ok", count: (one) => one.found_count },
];
const ROW = 60;

export const itemsKey = (receipt: number) => ["receipt", receipt] as const;

interface ItemsProps {
  receipt: Receipt;
  onTakeBack?: (code: string) => Promise<void>;
}

/** What is missing, too much, and found. */
export function Items({ receipt, onTakeBack }: ItemsProps) {
  const [result, setResult] = useState<Result>(
    receipt.finished_at !== null && receipt.short_count === 0
      ? receipt.excess_count > 0
        ? "excess"
        : "found"
      : "short",
  );
  const [problem, setProblem] = useState<unknown>(null);
  const pages = useInfiniteQuery({
    queryKey: [...itemsKey(receipt.id), result, receipt.found_count, receipt.excess_count],
    queryFn: ({ pageParam }) => itemsOf(receipt.bill_id, receipt.id, result, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: (before) => before,
  });
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isPlaceholderData } = pages;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage && !isPlaceholderData) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage, isPlaceholderData]);
  // Another tab's rows would say something wrong while these are on their way.
  const rows = (pages.data?.pages.flatMap((page) => page.items) ?? []).filter((row) => row.result === result);
  const tone = RESULTS.find((one) => one.result === result)?.tone ?? "ok";
  return (
    <section class="card receive-items" aria-label={t("bill.parents")}>
      <Tabs
        label={t("bill.parents")}
        value={result}
        onValue={(value) => setResult(value as Result)}
        options={RESULTS.map(({ result: value, key, count }) => ({
          value,
          name: `${t(key)} (${number(count(receipt))})`,
        }))}
      />
      {(problem !== null || pages.isError) && (
        <Note tone="refused" alert>
          {errorText(problem ?? pages.error)}
        </Note>
      )}
      {pages.isSuccess && !isPlaceholderData && rows.length === 0 && (
        <p class="soft receive-none">{t("receive.items.none")}</p>
      )}
      <Rows rows={rows} keyOf={(row) => row.code} height={ROW} label={t("bill.parents")} onNearEnd={more}>
        {(row) => (
          <div class="receive-row" data-testid={`item-${row.result}`}>
            <ToneIcon tone={tone} />
            <span class="receive-text">
              <strong class="code">{row.code}</strong>
              <span class="soft number">
                {row.child_count !== null && t("receive.inside", { count: row.child_count })}
                {row.scanned_by !== null &&
                  row.scanned_at !== null &&
                  ` ${t("story.by", { who: row.scanned_by.username, when: ago(row.scanned_at) })}`}
              </span>
            </span>
            {onTakeBack !== undefined && row.result !== "short" && (
              <button
                type="button"
                class="icon-button"
                aria-label={t("receive.takeBack", { code: row.code })}
                onClick={() => {
                  setProblem(null);
                  onTakeBack(row.code).catch(setProblem);
                }}
              >
                <Icon name="undo" />
              </button>
            )}
          </div>
        )}
      </Rows>
    </section>
  );
}
