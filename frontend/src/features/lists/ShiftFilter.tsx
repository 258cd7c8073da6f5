import { t } from "@/shared/i18n/office";
import type { Filters } from "@/shared/table/useFilters";
import { AreaChoice } from "@/shared/ui/AreaChoice";
import { Line, Tabs } from "@/shared/ui/fields";
import type { useShift } from "./useShift";

type Asked = { date: string; shift: string; area: string };

/** A day, one of its shifts, an area. */
export function ShiftFilter({
  filters,
  shift,
}: {
  filters: Filters<Asked>;
  shift: ReturnType<typeof useShift>;
}) {
  return (
    <div class="shift-filter">
      <Line
        type="date"
        label={t("lists.date")}
        value={shift.date}
        onValue={(date) => filters.change({ date, shift: "" })}
      />
      <AreaChoice value={filters.values.area} onValue={(area) => filters.change({ area })} />
      {shift.options.length > 1 && (
        <Tabs
          label={t("lists.shift")}
          value={shift.value}
          onValue={(value) => filters.change({ date: shift.date, shift: value })}
          options={shift.options}
        />
      )}
    </div>
  );
}
