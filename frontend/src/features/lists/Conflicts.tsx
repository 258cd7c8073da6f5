import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useUser } from "@/shared/api/session";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { exportTable } from "@/shared/table/exports";
import type { Column } from "@/shared/table/props";
import { Table, When } from "@/shared/table/Table";
import { useFilters } from "@/shared/table/useFilters";
import { useList } from "@/shared/table/useList";
import { AreaChoice } from "@/shared/ui/AreaChoice";
import { Icon, SmallBag } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { bagAt, BagName } from "../bags/columns";
import { areaOf, confirmChild, conflicts, moveChild, type Conflict } from "./calls";

const DAYS = 7;
const DAY_MS = 86_400_000;

interface Decision {
  conflict: Conflict;
  move: boolean;
}

const parents = ({ bag, wanted_parent }: Conflict) => ({
  code: bag.code,
  now: bag.parent?.code ?? "",
  wanted: wanted_parent?.code ?? "",
});

/** Small bags that were scanned into one big bag while in another: somebody must look which it is. */
export function Conflicts() {
  const user = useUser();
  const filters = useFilters({ area: "" });
  // To the minute before now, so that the list has one name while it is looked at.
  const [to] = useState(() => new Date(Date.now() + DAY_MS).toISOString());
  const from = new Date(Date.parse(to) - (DAYS + 1) * DAY_MS).toISOString();
  const range = { from, to, area_id: areaOf(filters.values.area) };
  const list = useList(["conflicts", range], (cursor) => conflicts(range, cursor), { every: 15_000 });
  const [done, setDone] = useState<Decision | null>(null);
  const decide = useMutation({
    mutationFn: async ({ conflict, move }: Decision) => {
      const { code, now, wanted } = parents(conflict);
      await (move ? moveChild(conflict.bag.id, wanted) : confirmChild(code, now));
    },
    onMutate: () => setDone(null),
    onSuccess: (_, decision) => setDone(decision),
    // Whoever decided meanwhile has decided: the list tells.
    onSettled: () => list.again(),
  });
  const columns: Column<Conflict>[] = [
    {
      key: "code",
      name: t("bags.code"),
      value: ({ bag }) => (
        <>
          <SmallBag class="row-bag" />
          <span class="code">{bag.code}</span>
        </>
      ),
    },
    {
      key: "now",
      name: t("lists.isIn"),
      value: ({ bag }) => bag.parent !== null && <BagName bag={bag.parent} />,
    },
    {
      key: "wanted",
      name: t("lists.scannedInto"),
      value: ({ wanted_parent }) => wanted_parent !== null && <BagName bag={wanted_parent} />,
    },
    { key: "who", name: t("lists.scannedBy"), value: (one) => one.scanned_by.username },
    { key: "when", name: t("lists.scannedAt"), value: (one) => <When at={one.at} /> },
    { key: "area", name: t("find.area"), extra: true, value: ({ bag }) => bag.area?.name },
    {
      key: "decide",
      name: t("lists.decide"),
      value: (conflict) => (
        <span class="decide">
          {conflict.wanted_parent !== null && (
            <button
              type="button"
              class="button"
              disabled={decide.isPending}
              onClick={() => decide.mutate({ conflict, move: true })}
            >
              <Icon name="move" />
              {t("lists.move", parents(conflict))}
            </button>
          )}
          {conflict.bag.parent !== null && (
            <button
              type="button"
              class="button"
              disabled={decide.isPending}
              onClick={() => decide.mutate({ conflict, move: false })}
            >
              <Icon name="ok" />
              {t("lists.stay", parents(conflict))}
            </button>
          )}
        </span>
      ),
    },
  ];
  return (
    <>
      {decide.isError && (
        <Note tone="refused" alert>
          {errorText(decide.error)}
        </Note>
      )}
      {done !== null && (
        <Note tone="ok" alert>
          {t(done.move ? "lists.moved" : "lists.stayed", parents(done.conflict))}
        </Note>
      )}
      <Table
        name="conflicts"
        label={t("lists.conflicts")}
        list={list}
        columns={columns}
        keyOf={(conflict) => conflict.scan_id}
        href={({ bag }) => bagAt(bag.code)}
        filters={filters}
        {...(user.role !== "dispatcher" && {
          exports: (format) => exportTable("conflicts", range, format),
        })}
        empty={t("lists.conflicts.none")}
        drawing={<SmallBag class="office-drawing" />}
        testid="conflict-row"
      >
        <div class="shift-filter">
          <AreaChoice value={filters.values.area} onValue={(area) => filters.change({ area })} />
        </div>
      </Table>
    </>
  );
}
