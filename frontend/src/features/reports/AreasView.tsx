import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { kg } from "@/shared/ui/weight";
import { Bars, Grid } from "./charts";
import type { AreaReport } from "./calls";
import { workColumns } from "./DayView";

export function AreasView({ report }: { report: AreaReport }) {
  const named = (row: AreaReport["areas"][number]) => row.area?.name ?? t("find.noArea");
  const keyOf = (row: AreaReport["areas"][number]) => row.area?.id ?? 0;
  return (
    <>
      <div class="charts">
        <Bars
          title={t("report.dispatchedByArea")}
          rows={report.areas.map((row) => ({
            key: keyOf(row),
            name: named(row),
            value: row.weight_dispatched_kg,
          }))}
          unit={kg}
        />
        <Bars
          title={t("report.stockByArea")}
          rows={report.areas.map((row) => ({
            key: keyOf(row),
            name: named(row),
            value: row.parents_in_stock,
          }))}
        />
      </div>
      <Grid
        title={t("report.areas")}
        rows={report.areas}
        keyOf={keyOf}
        columns={[
          { name: t("find.area"), text: true, value: named },
          ...workColumns(),
          { name: t("report.parentsInStock"), value: (row) => number(row.parents_in_stock) },
          { name: t("report.childrenInStock"), value: (row) => number(row.children_in_stock) },
          { name: t("report.weightInStock"), value: (row) => kg(row.weight_in_stock_kg) },
        ]}
      />
    </>
  );
}
