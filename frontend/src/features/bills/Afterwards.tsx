import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { moment, number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { Icon } from "@/shared/ui/icons";
import { receiptsOf, returnsOf, type Bill } from "./calls";

/** What became of a bill that was sent: its receipts, and what was brought back. */
export function Afterwards({ bill }: { bill: Bill }) {
  const receipts = useQuery({
    queryKey: ["bill", bill.id, "receipts"],
    queryFn: () => receiptsOf(bill.id),
    staleTime: 0,
  });
  const returns = useQuery({
    queryKey: ["bill", bill.id, "returns"],
    queryFn: () => returnsOf(bill.id),
    staleTime: 0,
  });
  const received = receipts.data ?? [];
  const returned = returns.data ?? [];
  return (
    <section class="card afterwards" aria-label={t("bill.afterwards")}>
      <h2>{t("bill.afterwards")}</h2>
      {receipts.isSuccess && received.length === 0 && <p class="soft">{t("bill.received.none")}</p>}
      <ul>
        {received.map((one) => (
          <li key={one.id} data-testid="bill-receipt">
            <span class="number">
              {t("bill.received", {
                found: number(one.found_count),
                short: number(one.short_count),
                excess: number(one.excess_count),
              })}
            </span>
            <span class="soft">
              {one.finished_at === null
                ? t("bill.receiving", { who: one.started_by.username })
                : t("story.by", {
                    who: one.finished_by?.username ?? one.started_by.username,
                    when: moment(one.finished_at),
                  })}
            </span>
          </li>
        ))}
        {returned.map((one) => (
          <li key={`${one.return_id} ${one.action}`} data-testid="bill-return">
            <span class="number">
              {t(one.action === "returned" ? "bill.returned" : "bill.putBack", { count: one.parents })}
            </span>
            <span class="soft">{t("story.by", { who: one.by.username, when: moment(one.at) })}</span>
            <span>{one.reason}</span>
            <Link href={`/returns/${one.return_id}`} class="code inline-link">
              {one.number}
            </Link>
          </li>
        ))}
      </ul>
      {bill.state === "completed" && (
        <Link href={`/receive/${bill.id}`} class="button">
          <Icon name="truck" />
          {t("home.receive")}
        </Link>
      )}
    </section>
  );
}
