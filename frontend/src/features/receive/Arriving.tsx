import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { useUser } from "@/shared/api/session";
import { ago, moment, number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { cleanCode, codeKey } from "@/shared/queue/codes";
import { ScanField } from "@/shared/scanner/ScanField";
import { signal } from "@/shared/sound/sound";
import { Bar } from "@/shared/ui/Bar";
import { ReceiveDrawing } from "@/shared/ui/drawings";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { arriving, startReceipt } from "./calls";

/** Scan a bill's code, or choose it from those on their way. */
export function Arriving() {
  const user = useUser();
  const [, go] = useLocation();
  // A dispatcher receives for his own area; the others wherever they are.
  const area = user.role === "dispatcher" ? (user.area?.id ?? null) : null;
  const [problem, setProblem] = useState<string | null>(null);
  const [looking, setLooking] = useState(false);
  const pages = useInfiniteQuery({
    queryKey: ["arriving", area],
    queryFn: ({ pageParam }) => arriving(area, "", pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: 0,
  });
  const bills = pages.data?.pages.flatMap((page) => page.items) ?? [];

  const find = async (text: string) => {
    const code = cleanCode(text);
    setProblem(null);
    setLooking(true);
    try {
      const found = (await arriving(area, code, null)).items.find(
        (bill) => codeKey(bill.number) === codeKey(code),
      );
      if (found === undefined) {
        signal("refused");
        setProblem(t("receive.none", { code }));
        return;
      }
      await startReceipt(found.id);
      signal("ok");
      go(`/receive/${found.id}`);
    } catch (error) {
      signal("refused");
      setProblem(errorText(error));
    } finally {
      setLooking(false);
    }
  };

  return (
    <>
      <Bar title={t("receive.title")} />
      <main class="page office">
        <ScanField
          label={t("receive.scan.bill")}
          hint={t("receive.scan.bill")}
          active
          onCode={(code) => void find(code)}
        />
        <div role="status">{looking && <p class="soft breathing">{t("app.loading")}</p>}</div>
        {problem !== null && (
          <Note tone="refused" alert>
            {problem}
          </Note>
        )}
        {pages.isError && (
          <Note tone="refused" alert>
            {errorText(pages.error)}
          </Note>
        )}
        {pages.isSuccess && bills.length === 0 ? (
          <div class="middle">
            <ReceiveDrawing class="office-drawing" />
            <p>{t("receive.nothing")}</p>
          </div>
        ) : (
          <section class="card table arriving" aria-labelledby="arriving">
            <h2 id="arriving">{t("receive.list")}</h2>
            <ul>
              {bills.map((bill) => (
                <li key={bill.id}>
                  <Link href={`/receive/${bill.id}`} class="table-row" data-testid="arriving">
                    <strong class="code">{bill.number}</strong>
                    <span>{bill.destination || bill.destination_area?.name || bill.vehicle}</span>
                    <span class="number">
                      <strong>{number(bill.parent_count)}</strong>{" "}
                      {t("bill.parents.word", { count: bill.parent_count })}
                    </span>
                    {bill.completed_at !== null && (
                      <time class="soft" dateTime={bill.completed_at} title={moment(bill.completed_at)}>
                        {t("receive.sent", { when: ago(bill.completed_at) })}
                      </time>
                    )}
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
          </section>
        )}
      </main>
    </>
  );
}
