import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, take } from "@/shared/api/calls";
import { useAreas } from "@/shared/api/areas";
import { Columns } from "@/shared/charts/Columns";
import { Ranks } from "@/shared/charts/Ranks";
import { ago, clock, number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { LineNote } from "@/shared/live/LineNote";
import { useSummary, type Summary } from "@/shared/live/useLive";
import { useFilters } from "@/shared/table/useFilters";
import { Bar } from "@/shared/ui/Bar";
import { Choice, Figure } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import "@/shared/ui/office.css";
import "./dashboard.css";

const getSummary = (area: string) =>
  take(
    api.GET("/api/v1/dashboard/summary", {
      params: { query: { area_id: area === "" ? null : Number(area) } },
    }),
  );

/** The warehouse as it is now: told as it changes, never asked for again and again. */
export default function Dashboard() {
  const areas = useAreas();
  const filters = useFilters({ area: "" });
  const { area } = filters.values;
  const cache = useQueryClient();
  const key = ["dashboard", area];
  // The first picture; the line brings every other.
  const first = useQuery({ queryKey: key, queryFn: () => getSummary(area), staleTime: Infinity });
  const line = useSummary(area, (summary) => cache.setQueryData(key, summary));
  const now = first.data;
  return (
    <>
      <Bar title={t("dashboard.title")}>
        <LineNote line={line} />
      </Bar>
      <main class="page office dashboard">
        {areas.length > 1 && (
          <div class="dashboard-ask">
            <Choice
              label={t("find.area")}
              value={area}
              onValue={(one) => filters.change({ area: one })}
              options={[
                { value: "", name: t("bills.area.all") },
                ...areas.map((one) => ({ value: String(one.id), name: one.name })),
              ]}
            />
          </div>
        )}
        {now !== undefined ? (
          <div class={`dashboard-body${line.up ? "" : " dashboard-old"}`} data-testid="dashboard">
            <Figures now={now} area={area} />
            <Scans now={now} />
            <Who now={now} />
            <Work now={now} />
            <Stock now={now} />
          </div>
        ) : first.isError ? (
          <>
            <Note tone="refused" alert>
              {errorText(first.error)}
            </Note>
            <button type="button" class="button" onClick={() => void first.refetch()}>
              <Icon name="again" />
              {t("app.retry")}
            </button>
          </>
        ) : (
          <p class="middle breathing">{t("app.loading")}</p>
        )}
      </main>
    </>
  );
}

function Figures({ now, area }: { now: Summary; area: string }) {
  const conflicts = `/lists/conflicts${area === "" ? "" : `?area=${area}`}`;
  return (
    <dl class="figures large dashboard-figures">
      <Figure name={t("dashboard.scansToday")} testid="scans-today">
        {number(now.scans_today)}
      </Figure>
      <Figure name={t("dashboard.refusedToday")}>
        {number(now.refused_today)}
        {now.scans_today > 0 && (
          <span class="figure-more">
            {t("dashboard.percent", { share: number(share(now.refused_today, now.scans_today)) })}
          </span>
        )}
      </Figure>
      <Figure name={t("dashboard.openParents")} testid="open-parents">
        {number(now.parents.open ?? 0)}
      </Figure>
      <Figure name={t("dashboard.packedParents")}>{number(now.parents.completed ?? 0)}</Figure>
      <Figure name={t("dashboard.bills")}>
        {number(now.bills.new + now.bills.processing)}
        <span class="figure-more">{t("dashboard.billsDone", { count: now.bills.completed_today })}</span>
      </Figure>
      <Figure name={t("dashboard.conflicts")} tone={now.conflicts > 0 ? "refused" : undefined}>
        <Link href={conflicts} class="figure-link">
          {number(now.conflicts)}
          <span class="hidden-visually">{t("dashboard.conflicts")}</span>
          {now.conflicts > 0 && <Icon name="forward" />}
        </Link>
      </Figure>
    </dl>
  );
}

const share = (part: number, whole: number) => Math.round((1_000 * part) / whole) / 10;

function Scans({ now }: { now: Summary }) {
  const bars = (slots: Summary["per_minute"]) =>
    slots.map(({ at, scans, refused }) => ({ at, value: scans + refused, bad: refused }));
  return (
    <div class="charts-two">
      <Columns
        title={t("dashboard.perMinute")}
        bars={bars(now.per_minute)}
        time={clock}
        tell={(bar) => tell(bar.at, bar.value - (bar.bad ?? 0), bar.bad ?? 0)}
        running
      />
      <Columns
        title={t("dashboard.perHour")}
        bars={bars(now.per_hour)}
        time={clock}
        tell={(bar) => tell(bar.at, bar.value - (bar.bad ?? 0), bar.bad ?? 0)}
        running
      />
    </div>
  );
}

const tell = (at: string, scans: number, refused: number) =>
  t("dashboard.slot", { at: clock(at), scans: number(scans), refused: number(refused) });

function Who({ now }: { now: Summary }) {
  const refused = (count: number) =>
    count === 0 ? undefined : t("dashboard.refused", { count: number(count) });
  return (
    <div class="charts-two">
      <Ranks
        title={t("dashboard.byArea")}
        none={t("report.nothing")}
        rows={now.areas
          .filter((one) => one.scans_today + one.refused_today > 0)
          .map((one) => ({
            key: one.area.id,
            name: one.area.name,
            value: one.scans_today,
            more: refused(one.refused_today),
            href: `/dashboard?area=${one.area.id}`,
          }))}
      />
      <Ranks
        title={t("dashboard.byWorker")}
        none={t("report.nothing")}
        rows={now.workers.map((one) => ({
          key: one.user.id,
          name: one.user.username,
          value: one.scans_today,
          more: refused(one.refused_today),
        }))}
      />
    </div>
  );
}

function Meter({ count, of, label }: { count: number; of: number; label: string }) {
  return (
    <div
      class="meter"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={of}
      aria-valuenow={Math.min(count, of)}
      data-full={count >= of || undefined}
    >
      <span style={{ width: `${Math.min(100, (count / Math.max(1, of)) * 100)}%` }} />
    </div>
  );
}

function Work({ now }: { now: Summary }) {
  return (
    <div class="charts-two">
      <section class="card live-list" aria-labelledby="packing">
        <h2 id="packing">{t("dashboard.packing")}</h2>
        {now.packing.length === 0 && <p class="soft">{t("dashboard.packing.none")}</p>}
        <ul>
          {now.packing.map((one) => (
            <li key={one.user.id}>
              <Link href={`/find?code=${encodeURIComponent(one.parent.code)}`} class="live-row">
                <span class="live-what">
                  <strong class="code">{one.parent.code}</strong>
                  <span class="soft">
                    {one.user.username} · {ago(one.since)}
                  </span>
                </span>
                <span class="live-how number">
                  {number(one.child_count)} / {number(one.expected_children)}
                  <Meter count={one.child_count} of={one.expected_children} label={one.parent.code} />
                </span>
              </Link>
            </li>
          ))}
        </ul>
      </section>
      <section class="card live-list" aria-labelledby="bills-now">
        <h2 id="bills-now">{t("dashboard.billsNow")}</h2>
        {now.bills.in_progress.length === 0 && <p class="soft">{t("dashboard.billsNow.none")}</p>}
        <ul>
          {now.bills.in_progress.map((bill) => (
            <li key={bill.id}>
              <Link href={`/bills/${bill.id}`} class="live-row">
                <span class="live-what">
                  <strong class="code">{bill.number}</strong>
                  <span class="soft">
                    {[bill.area?.name, t("find.weight.kg", { kg: number(bill.weight_kg) })]
                      .filter(Boolean)
                      .join(" · ")}
                  </span>
                </span>
                <span class="live-how number">
                  {number(bill.parent_count)}
                  {bill.target_parents !== null && ` / ${number(bill.target_parents)}`}
                  {bill.target_parents !== null && (
                    <Meter count={bill.parent_count} of={bill.target_parents} label={bill.number} />
                  )}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      </section>
      {now.imports !== null && now.imports.length > 0 && (
        <section class="card live-list" aria-labelledby="imports-now">
          <h2 id="imports-now">{t("dashboard.imports")}</h2>
          <ul>
            {now.imports.map((one) => (
              <li key={one.id}>
                <Link href={`/imports/${one.id}`} class="live-row">
                  <span class="live-what">
                    <strong>{one.file_name}</strong>
                    <span class="soft">
                      {t(one.state === "running" ? "import.state.running" : "import.state.queued")}
                    </span>
                  </span>
                  <span class="live-how number">
                    {one.rows_total !== null &&
                      t("import.rowsDone", {
                        done: number(one.rows_done),
                        total: number(one.rows_total),
                      })}
                    {one.rows_total !== null && (
                      <Meter count={one.rows_done} of={one.rows_total} label={one.file_name} />
                    )}
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

const PARENTS = ["open", "completed", "billed", "dispatched"] as const;

function Stock({ now }: { now: Summary }) {
  return (
    <section class="card" aria-labelledby="stock">
      <h2 id="stock">{t("dashboard.stock")}</h2>
      <dl class="figures dashboard-stock">
        <Figure name={t("dashboard.bags")} testid="bags">
          {number(now.bags)}
        </Figure>
        {PARENTS.map((state) => (
          <Figure key={state} name={`${t("bill.parents")}: ${t(`state.${state}`)}`}>
            {number(now.parents[state] ?? 0)}
          </Figure>
        ))}
        <Figure name={`${t("bill.children")}: ${t("state.linked")}`}>
          {number(now.children.linked ?? 0)}
        </Figure>
        <Figure name={`${t("bill.children")}: ${t("state.loose")}`}>{number(now.children.free ?? 0)}</Figure>
      </dl>
    </section>
  );
}
