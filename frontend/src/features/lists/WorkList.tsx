import { useUser } from "@/shared/api/session";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { exportTable } from "@/shared/table/exports";
import type { Column } from "@/shared/table/props";
import { Table, When } from "@/shared/table/Table";
import { useFilters } from "@/shared/table/useFilters";
import { useList } from "@/shared/table/useList";
import { ProfileDrawing } from "@/shared/ui/drawings";
import { Figure } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note, ToneIcon } from "@/shared/ui/parts";
import { BagName } from "../bags/columns";
import { areaOf, scansOf, work, type Range, type Worked } from "./calls";
import { ShiftFilter } from "./ShiftFilter";
import { useShift } from "./useShift";

const columns = (clock: (time: string) => string): Column<Worked>[] => [
  {
    key: "worker",
    name: t("lists.worker"),
    value: ({ user, full_name }) => full_name || user.username,
  },
  {
    key: "scans",
    name: t("lists.scans"),
    number: true,
    value: (one) => <strong>{number(one.scans)}</strong>,
  },
  { key: "refused", name: t("lists.refused"), number: true, value: (one) => number(one.refused) },
  { key: "undone", name: t("lists.undone"), number: true, value: (one) => number(one.undone) },
  { key: "first", name: t("lists.first"), number: true, value: (one) => clock(one.first_slot) },
  { key: "last", name: t("lists.last"), number: true, value: (one) => clock(one.last_slot) },
];

/** What each worker scanned in a shift; a row tells which codes. */
export function WorkList() {
  const viewer = useUser();
  const filters = useFilters({ date: "", shift: "", area: "" });
  const shift = useShift(filters.values.date, filters.values.shift);
  const range = {
    from: shift.range?.from ?? "",
    to: shift.range?.to ?? "",
    area_id: areaOf(filters.values.area),
  };
  const list = useList(["work", range], () => work(range), { enabled: shift.range !== null, every: 15_000 });
  const sum = (name: "scans" | "refused" | "undone") =>
    number(list.rows.reduce((total, one) => total + one[name], 0));
  return (
    <>
      <dl class="figures three">
        <Figure name={t("lists.scans")} testid="work-scans">
          {sum("scans")}
        </Figure>
        <Figure name={t("lists.refused")}>{sum("refused")}</Figure>
        <Figure name={t("lists.undone")}>{sum("undone")}</Figure>
      </dl>
      <Table
        name="work"
        label={t("lists.work")}
        list={{ ...list, error: list.error ?? shift.error }}
        columns={columns(shift.clock)}
        keyOf={({ user }) => user.id}
        detail={({ user }) => <Scans user={user.id} range={range} />}
        {...(viewer.role !== "dispatcher" && {
          exports: (format) => exportTable("work", range, format),
        })}
        empty={t("lists.work.none")}
        drawing={<ProfileDrawing class="office-drawing" />}
        testid="work-row"
      >
        <ShiftFilter filters={filters} shift={shift} />
      </Table>
    </>
  );
}

function Scans({ user, range }: { user: number; range: Range }) {
  const list = useList(["scans", user, range], (cursor) => scansOf(user, range, cursor));
  if (list.error !== null) return <Note tone="refused">{errorText(list.error)}</Note>;
  if (list.pending) return <p class="breathing">{t("app.loading")}</p>;
  return (
    <>
      <ul class="worked">
        {list.rows.map((scan) => (
          <li key={scan.id}>
            <ToneIcon tone={scan.refused ? "refused" : "ok"} />
            <span class="hidden-visually">{t(scan.refused ? "lists.refused" : "lists.accepted")}</span>
            {scan.bag === null ? <span class="code">{scan.code}</span> : <BagName bag={scan.bag} />}
            {scan.parent !== null && scan.parent.id !== scan.bag?.id && (
              <>
                <Icon name="in" />
                <BagName bag={scan.parent} />
              </>
            )}
            <When at={scan.received_at} />
          </li>
        ))}
      </ul>
      {list.more !== null && (
        <button type="button" class="button" data-wide onClick={list.more}>
          <Icon name="plus" />
          {t("app.more")}
        </button>
      )}
    </>
  );
}
