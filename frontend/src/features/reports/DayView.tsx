import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { Figure } from "@/shared/ui/fields";
import { kg } from "@/shared/ui/weight";
import { Bars, Grid } from "./charts";
import type { EndOfDay, Work } from "./calls";

/** The columns of work, for areas and for people. */
export const workColumns = () => [
  { name: t("report.linked"), value: (row: Work) => number(row.children_linked) },
  { name: t("report.packed"), value: (row: Work) => number(row.parents_completed) },
  { name: t("bill.weight"), value: (row: Work) => kg(row.weight_packed_kg) },
  { name: t("report.billsCompleted"), value: (row: Work) => number(row.bills_completed) },
  { name: t("report.dispatched"), value: (row: Work) => number(row.parents_dispatched) },
  { name: t("report.scans"), value: (row: Work) => number(row.scans) },
];

export function DayView({ report }: { report: EndOfDay }) {
  const { totals } = report;
  return (
    <>
      <dl class="figures large report-figures">
        <Figure name={t("report.linked")}>{number(totals.children_linked)}</Figure>
        <Figure name={t("report.packed")}>{number(totals.parents_completed)}</Figure>
        <Figure name={t("report.weightPacked")}>{kg(totals.weight_packed_kg)}</Figure>
        <Figure name={t("report.billsCompleted")} testid="bills-completed">
          {number(totals.bills_completed)}
        </Figure>
        <Figure name={t("report.dispatched")}>{number(totals.parents_dispatched)}</Figure>
        <Figure name={t("report.weightDispatched")}>{kg(totals.weight_dispatched_kg)}</Figure>
      </dl>
      <div class="charts">
        <Bars
          title={t("report.byWorker")}
          rows={report.by_worker.map((row) => ({
            key: row.worker.id,
            name: row.full_name || row.worker.username,
            value: row.children_linked,
          }))}
        />
        <Bars
          title={t("report.byArea")}
          rows={report.by_area.map((row) => ({
            key: row.area?.id ?? 0,
            name: row.area?.name ?? t("find.noArea"),
            value: row.children_linked,
          }))}
        />
      </div>
      <Grid
        title={t("report.workers")}
        rows={report.by_worker}
        keyOf={(row) => row.worker.id}
        columns={[
          { name: t("report.worker"), text: true, value: (row) => row.full_name || row.worker.username },
          ...workColumns(),
        ]}
      />
      <Grid
        title={t("report.areas")}
        rows={report.by_area}
        keyOf={(row) => row.area?.id ?? 0}
        columns={[
          { name: t("find.area"), text: true, value: (row) => row.area?.name ?? t("find.noArea") },
          ...workColumns(),
        ]}
      />
    </>
  );
}
