import { Link } from "wouter";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { Figure } from "@/shared/ui/fields";
import { kg, signed } from "@/shared/ui/weight";
import { Bars, Days, Grid, shortDay } from "./charts";
import type { BillSummary } from "./calls";

export function BillsView({ report }: { report: BillSummary }) {
  const { totals } = report;
  return (
    <>
      <dl class="figures large report-figures">
        <Figure name={t("bills.title")}>{number(totals.bills)}</Figure>
        <Figure name={t("bill.parents")}>{number(totals.parent_count)}</Figure>
        <Figure name={t("bill.children")}>{number(totals.child_count)}</Figure>
        <Figure name={t("bill.weight")}>{kg(totals.weight_kg)}</Figure>
        <Figure name={t("bill.expected")}>{kg(totals.expected_weight_kg)}</Figure>
        <Figure name={t("bill.variance")} tone={totals.variance_kg === 0 ? undefined : "waiting"}>
          {signed(totals.variance_kg)}
        </Figure>
      </dl>
      <div class="charts">
        <Days
          title={t("report.parentsByDay")}
          rows={report.by_day.map((row) => ({ key: row.date, name: row.date, value: row.parent_count }))}
          from={report.from}
          to={report.to}
        />
        <Bars
          title={t("report.byDestination")}
          rows={report.by_destination.map((row) => ({
            key: row.destination,
            name: row.destination || t("bill.destination.none"),
            value: row.parent_count,
          }))}
        />
      </div>
      <Grid
        title={t("report.days")}
        rows={report.by_day}
        keyOf={(row) => row.date}
        columns={[
          { name: t("report.date"), text: true, value: (row) => shortDay(row.date) },
          { name: t("bills.title"), value: (row) => number(row.bills) },
          { name: t("bill.parents"), value: (row) => number(row.parent_count) },
          { name: t("bill.children"), value: (row) => number(row.child_count) },
          { name: t("bill.weight"), value: (row) => kg(row.weight_kg) },
          { name: t("bill.variance"), value: (row) => signed(row.variance_kg) },
        ]}
      />
      <Grid
        title={t("bills.title")}
        rows={report.bills}
        keyOf={(row) => row.id}
        columns={[
          {
            name: t("bill.number"),
            text: true,
            value: (row) => (
              <Link href={`/bills/${row.id}`} class="code inline-link">
                {row.number}
              </Link>
            ),
          },
          { name: t("bill.destination"), text: true, value: (row) => row.destination },
          { name: t("bill.parents"), value: (row) => number(row.parent_count) },
          { name: t("bill.children"), value: (row) => number(row.child_count) },
          { name: t("bill.weight"), value: (row) => kg(row.weight_kg) },
        ]}
      />
    </>
  );
}
