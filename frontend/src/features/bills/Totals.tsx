import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { Figure } from "@/shared/ui/fields";
import { kg, signed } from "@/shared/ui/weight";
import type { Bill } from "./calls";
import { StateBadge, Target } from "./State";

/** What is on the bill by now. */
export function Totals({ bill }: { bill: Bill }) {
  const { parent_count, target_parents } = bill;
  return (
    <section class="card totals" aria-label={t("bill.totals")} data-testid="totals">
      <p class="totals-count number">
        <strong data-testid="parent-count">{number(parent_count)}</strong>
        {target_parents !== null && ` / ${number(target_parents)}`}
        <span class="soft">{t("bill.parents.word", { count: parent_count })}</span>
        <span class="phone-only totals-state">
          <StateBadge state={bill.state} />
        </span>
      </p>
      <Target count={parent_count} target={target_parents} />
      {target_parents !== null && (
        <p class="soft totals-target">
          {parent_count < target_parents
            ? t("bill.target.left", { count: target_parents - parent_count })
            : parent_count === target_parents
              ? t("bill.target.full")
              : t("bill.target.over", { count: parent_count - target_parents })}
        </p>
      )}
      <dl class="figures">
        <Figure name={t("bill.children")} testid="child-count">
          {number(bill.child_count)}
        </Figure>
        <Figure name={t("bill.weight")} testid="weight">
          {kg(bill.weight_kg)}
        </Figure>
        <Figure name={t("bill.expected")}>{kg(bill.expected_weight_kg)}</Figure>
        <Figure name={t("bill.variance")} tone={bill.variance_kg === 0 ? undefined : "waiting"}>
          {signed(bill.variance_kg)}
        </Figure>
      </dl>
    </section>
  );
}
