import { useState } from "react";
import { useLocation } from "wouter";
import { useAreas } from "@/shared/api/areas";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { exportTable } from "@/shared/table/exports";
import type { Column } from "@/shared/table/props";
import { Table, When } from "@/shared/table/Table";
import { dayEnd, dayStart, useFilters } from "@/shared/table/useFilters";
import { useList } from "@/shared/table/useList";
import { Bar } from "@/shared/ui/Bar";
import { BillDrawing } from "@/shared/ui/drawings";
import { Choice, Line, Tabs } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { kg, signed } from "@/shared/ui/weight";
import { BillForm } from "./BillForm";
import { isState, listBills, type Bill } from "./calls";
import { StateBadge, Target } from "./State";

const columns = (): Column<Bill>[] => [
  {
    key: "number",
    name: t("bill.number"),
    value: (bill) => (
      <>
        <span class="code">{bill.number}</span>
        <StateBadge state={bill.state} />
      </>
    ),
  },
  {
    key: "destination",
    name: t("bill.destination"),
    value: (bill) => bill.destination || bill.destination_area?.name || t("bill.destination.none"),
  },
  { key: "vehicle", name: t("bill.vehicle"), value: (bill) => bill.vehicle },
  {
    key: "parents",
    name: t("bill.parents"),
    number: true,
    value: (bill) => (
      <>
        <strong>{number(bill.parent_count)}</strong>
        {bill.target_parents !== null && ` / ${number(bill.target_parents)}`}
        <Target count={bill.parent_count} target={bill.target_parents} />
      </>
    ),
  },
  {
    key: "children",
    name: t("bill.children"),
    number: true,
    extra: true,
    value: (bill) => number(bill.child_count),
  },
  { key: "weight", name: t("bill.weight"), number: true, value: (bill) => kg(bill.weight_kg) },
  {
    key: "expected",
    name: t("bill.expected"),
    number: true,
    extra: true,
    value: (bill) => kg(bill.expected_weight_kg),
  },
  {
    key: "variance",
    name: t("bill.variance"),
    number: true,
    extra: true,
    value: (bill) => signed(bill.variance_kg),
  },
  { key: "area", name: t("bill.area"), extra: true, value: (bill) => bill.area?.name },
  { key: "made", name: t("bill.made"), value: (bill) => <When at={bill.created_at} /> },
  { key: "by", name: t("bill.by"), extra: true, value: (bill) => bill.created_by.username },
  {
    key: "completed",
    name: t("bill.completed"),
    extra: true,
    value: (bill) => bill.completed_at !== null && <When at={bill.completed_at} />,
  },
];

export function BillList() {
  const [, go] = useLocation();
  const areas = useAreas();
  const [making, setMaking] = useState(false);
  const filters = useFilters({ q: "", state: "", from: "", to: "", area: "" });
  const { q, state, from, to, area } = filters.values;
  const list = useList(["bills", filters.values], (cursor) => listBills(filters.values, cursor));
  return (
    <>
      <Bar title={t("bills.title")} />
      <main class="page office">
        <Table
          name="bills"
          label={t("bills.title")}
          list={list}
          keyOf={(bill) => bill.id}
          href={(bill) => `/bills/${bill.id}`}
          columns={columns()}
          filters={filters}
          search={t("bills.search")}
          lead={
            <button
              type="button"
              class="button"
              data-kind="main"
              data-size="scan"
              onClick={() => setMaking(true)}
            >
              <Icon name="plus" />
              {t("bills.new")}
            </button>
          }
          exports={(format) =>
            exportTable(
              "bills",
              {
                q: q.trim() || null,
                state: isState(state) ? state : null,
                area_id: area === "" ? null : Number(area),
                from: dayStart(from),
                to: dayEnd(to),
              },
              format,
            )
          }
          empty={t("bills.none")}
          drawing={<BillDrawing class="office-drawing" />}
          testid="bill-row"
          rareActive={from !== "" || to !== "" || area !== ""}
          rare={
            <>
              <Line
                type="date"
                label={t("bills.from")}
                value={from}
                onValue={(day) => filters.change({ from: day })}
              />
              <Line
                type="date"
                label={t("bills.to")}
                value={to}
                onValue={(day) => filters.change({ to: day })}
              />
              {areas.length > 0 && (
                <Choice
                  label={t("find.area")}
                  value={area}
                  onValue={(one) => filters.change({ area: one })}
                  options={[
                    { value: "", name: t("bills.area.all") },
                    ...areas.map((one) => ({ value: String(one.id), name: one.name })),
                  ]}
                />
              )}
            </>
          }
        >
          <Tabs
            label={t("bills.state")}
            value={state}
            onValue={(one) => filters.change({ state: one })}
            options={[
              { value: "", name: t("bills.state.all") },
              { value: "new", name: t("bill.state.new") },
              { value: "processing", name: t("bill.state.processing") },
              { value: "completed", name: t("bill.state.completed") },
            ]}
          />
        </Table>
      </main>
      {making && (
        <BillForm bill={null} onClose={() => setMaking(false)} onSaved={(bill) => go(`/bills/${bill.id}`)} />
      )}
    </>
  );
}
