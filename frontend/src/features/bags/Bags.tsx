import { useUser } from "@/shared/api/session";
import { t } from "@/shared/i18n/office";
import { exportTable } from "@/shared/table/exports";
import { Table } from "@/shared/table/Table";
import { useFilters } from "@/shared/table/useFilters";
import { useList } from "@/shared/table/useList";
import { AreaChoice } from "@/shared/ui/AreaChoice";
import { BAG_STATES } from "@/shared/ui/BagState";
import { Bar } from "@/shared/ui/Bar";
import { Choice, Line, Tabs } from "@/shared/ui/fields";
import { BigBag } from "@/shared/ui/icons";
import { bagQuery, listBags } from "./calls";
import { bagAt, bagColumns } from "./columns";
import "@/shared/ui/office.css";
import "./bags.css";

/** Every bag that one may see, by any part of its code and whatever else it is known by. */
export default function Bags() {
  const user = useUser();
  const filters = useFilters({ q: "", kind: "", state: "", area: "", from: "", to: "", sort: "newest" });
  const { kind, state, area, from, to } = filters.values;
  const list = useList(["bags", filters.values], (cursor) => listBags(filters.values, cursor));
  return (
    <>
      <Bar title={t("home.bags")} />
      <main class="page office">
        <Table
          name="bags"
          label={t("home.bags")}
          list={list}
          columns={bagColumns()}
          keyOf={(bag) => bag.id}
          href={(bag) => bagAt(bag.code)}
          filters={filters}
          search={t("bags.search")}
          rareActive={area !== "" || from !== "" || to !== "" || state !== ""}
          rare={
            <>
              <Choice
                label={t("bills.state")}
                value={state}
                onValue={(state) => filters.change({ state })}
                options={[
                  { value: "", name: t("bills.state.all") },
                  ...Object.entries(BAG_STATES).map(([value, { key }]) => ({ value, name: t(key) })),
                ]}
              />
              <AreaChoice value={area} onValue={(area) => filters.change({ area })} />
              <Line
                type="date"
                label={t("bags.from")}
                value={from}
                onValue={(from) => filters.change({ from })}
              />
              <Line type="date" label={t("bags.to")} value={to} onValue={(to) => filters.change({ to })} />
            </>
          }
          // Files are for the office.
          {...(user.role !== "dispatcher" && {
            exports: (format) => exportTable("bags", bagQuery(filters.values), format),
          })}
          empty={t("bags.none")}
          drawing={<BigBag class="office-drawing" />}
          testid="bag-row"
        >
          <Tabs
            label={t("bags.kind")}
            value={kind}
            onValue={(kind) => filters.change({ kind })}
            options={[
              { value: "", name: t("bills.state.all") },
              { value: "parent", name: t("bags.kind.parents") },
              { value: "child", name: t("bags.kind.children") },
            ]}
          />
        </Table>
      </main>
    </>
  );
}
