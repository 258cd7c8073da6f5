import { useUser } from "@/shared/api/session";
import type { Bag } from "@/shared/api/types";
import { t, type OfficeKey } from "@/shared/i18n/office";
import { exportTable } from "@/shared/table/exports";
import type { Column } from "@/shared/table/props";
import { Table, When } from "@/shared/table/Table";
import { dayEnd, useFilters, type Filters } from "@/shared/table/useFilters";
import { useList, type List } from "@/shared/table/useList";
import { AreaChoice } from "@/shared/ui/AreaChoice";
import { Line } from "@/shared/ui/fields";
import { BigBag } from "@/shared/ui/icons";
import { bagAt, bagColumns } from "../bags/columns";
import { areaOf, emptyBags, leftOpen, unbilled, type LeftOpen } from "./calls";
import { ShiftFilter } from "./ShiftFilter";
import { useShift } from "./useShift";

/** Those of a bag's columns that say something about parents. */
const parentColumns = (): Column<Bag>[] =>
  bagColumns()
    .filter(({ key }) => key !== "parent")
    // These lists have one order, which the server keeps.
    .map(({ key, name, value, number, extra }) => ({
      key,
      name,
      value,
      ...(number === true && { number }),
      ...(extra === true && { extra }),
    }));

export function LeftOpenBags() {
  const user = useUser();
  const filters = useFilters({ date: "", shift: "", area: "" });
  const shift = useShift(filters.values.date, filters.values.shift);
  const range = {
    from: shift.range?.from ?? "",
    to: shift.range?.to ?? "",
    area_id: areaOf(filters.values.area),
  };
  const list = useList(["left-open", range], (cursor) => leftOpen(range, cursor), {
    enabled: shift.range !== null,
    every: 15_000,
  });
  const last: Column<LeftOpen>[] = [
    { key: "who", name: t("lists.lastBy"), value: (bag) => bag.last_scan_by.username },
    { key: "when", name: t("lists.lastAt"), value: (bag) => <When at={bag.last_scan_at} /> },
  ];
  const [code, count, ...rest] = parentColumns();
  return (
    <Table
      name="left-open"
      label={t("lists.left-open")}
      list={{ ...list, error: list.error ?? shift.error }}
      columns={[code, count, ...last, ...rest].filter((column) => column !== undefined)}
      keyOf={(bag) => bag.id}
      href={(bag) => bagAt(bag.code)}
      {...(user.role !== "dispatcher" && {
        exports: (format) => exportTable("left-open", range, format),
      })}
      empty={t("lists.left-open.none")}
      drawing={<BigBag class="office-drawing" />}
    >
      <ShiftFilter filters={filters} shift={shift} />
    </Table>
  );
}

interface BagListProps {
  name: "empty" | "unbilled";
  list: List<Bag>;
  filters: Filters<Record<string, string>>;
  to?: string | null;
  none: OfficeKey;
  children?: preact.ComponentChildren;
}

function BagList({ name, list, filters, to, none, children }: BagListProps) {
  const user = useUser();
  const area = filters.values.area ?? "";
  return (
    <Table
      name={name}
      label={t(`lists.${name}`)}
      list={list}
      columns={parentColumns()}
      keyOf={(bag) => bag.id}
      href={(bag) => bagAt(bag.code)}
      filters={filters}
      {...(user.role !== "dispatcher" && {
        exports: (format) => exportTable(name, { area_id: areaOf(area), ...(to != null && { to }) }, format),
      })}
      empty={t(none)}
      drawing={<BigBag class="office-drawing" />}
    >
      <div class="shift-filter">
        <AreaChoice value={area} onValue={(one) => filters.change({ area: one })} />
        {children}
      </div>
    </Table>
  );
}

export function EmptyBags() {
  const filters = useFilters({ area: "" });
  const list = useList(["empty", filters.values], (cursor) => emptyBags(areaOf(filters.values.area), cursor));
  return <BagList name="empty" list={list} filters={filters} none="lists.empty.none" />;
}

export function UnbilledBags() {
  const filters = useFilters({ area: "", to: "" });
  const to = dayEnd(filters.values.to);
  const list = useList(["unbilled", filters.values], (cursor) =>
    unbilled(areaOf(filters.values.area), to, cursor),
  );
  return (
    <BagList name="unbilled" list={list} filters={filters} to={to} none="lists.unbilled.none">
      <Line
        type="date"
        label={t("lists.registeredTo")}
        value={filters.values.to}
        onValue={(day) => filters.change({ to: day })}
      />
    </BagList>
  );
}
