import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, take } from "@/shared/api/calls";
import { Columns } from "@/shared/charts/Columns";
import { Lines } from "@/shared/charts/Lines";
import { clock, moment, number } from "@/shared/i18n/i18n";
import { t, type OfficeKey } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { useFilters } from "@/shared/table/useFilters";
import { Bar } from "@/shared/ui/Bar";
import { Figure, Tabs } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import "@/shared/ui/office.css";
import "./performance.css";
import { Routes } from "./Routes";
import type { Performance } from "./summary";
import { bytes, ms, percent } from "./units";
import { Workers } from "./Workers";

type Period = Performance["period"];

/** Workers store their minutes this often, in ms: sooner there is nothing new. */
const LOOK_MS = 15_000;
const PERIODS = ["hour", "day", "month"] as const;

const getPerformance = (period: Period, route: string) =>
  take(api.GET("/api/v1/performance/summary", { params: { query: { period, route: route || null } } }));

/** How fast and how healthy the site is, from the minutes that its workers store. */
export default function PerformancePage() {
  const filters = useFilters({ period: "hour", route: "" });
  const { route } = filters.values;
  const period = PERIODS.find((one) => one === filters.values.period) ?? "hour";
  const asked = useQuery({
    queryKey: ["performance", period, route],
    queryFn: () => getPerformance(period, route),
    refetchInterval: period === "hour" ? LOOK_MS : 60_000,
    placeholderData: (before) => before,
    staleTime: 0,
  });
  const now = asked.data;
  return (
    <>
      <Bar title={t("performance.title")} />
      <main class="page office performance">
        <Tabs
          label={t("performance.period")}
          value={period}
          onValue={(one) => filters.change({ period: one })}
          options={PERIODS.map((one) => ({ value: one, name: t(`performance.period.${one}`) }))}
        />
        {asked.isError && (
          <Note tone="refused" alert>
            {errorText(asked.error)}
          </Note>
        )}
        {now === undefined ? (
          asked.isPending && <p class="middle breathing">{t("app.loading")}</p>
        ) : (
          <div class="performance-body" data-testid="performance">
            <Alerts now={now} />
            <Figures now={now} />
            {route !== "" && (
              <p class="performance-one">
                <strong class="code">{route}</strong>
                <button type="button" class="button" onClick={() => filters.change({ route: "" })}>
                  <Icon name="close" />
                  {t("performance.allRoutes")}
                </button>
              </p>
            )}
            <OverTime now={now} />
            <Routes
              routes={now.routes}
              limit={now.limits.p95_ms}
              chosen={route}
              choose={(one) => filters.change({ route: one })}
            />
            <System now={now} />
            <Workers now={now} />
            <Queries now={now} />
            <Imports now={now} />
          </div>
        )}
      </main>
    </>
  );
}

const ALERTS: Record<string, { name: OfficeKey; unit: (value: number) => string }> = {
  p95_ms: { name: "performance.alert.p95", unit: ms },
  errors_percent: { name: "performance.alert.errors", unit: percent },
  loop_lag_ms: { name: "performance.alert.lag", unit: ms },
  pool_percent: { name: "performance.alert.pool", unit: percent },
  disk_free_percent: { name: "performance.alert.disk", unit: percent },
  disk_left_percent: { name: "performance.alert.diskfull", unit: percent },
};

function Alerts({ now }: { now: Performance }) {
  if (now.alerts.length === 0 && now.untold.length === 0)
    return (
      <div data-testid="alerts">
        <Note tone="ok">{t("performance.fine")}</Note>
      </div>
    );
  return (
    <ul class="alerts" data-testid="alerts">
      {now.untold.map((way) => (
        <li key={way.channel}>
          <Note tone="refused" alert>
            {t(way.channel === "mail" ? "performance.untold.mail" : "performance.untold.webhook", {
              count: way.messages,
              error: way.error,
            })}
          </Note>
        </li>
      ))}
      {now.alerts.map((alert) => {
        const known = ALERTS[alert.name];
        const unit = known?.unit ?? number;
        return (
          <li key={alert.name}>
            <Note tone="refused" alert>
              {t("performance.alert", {
                what: known === undefined ? alert.name : t(known.name),
                value: unit(alert.value),
                limit: unit(alert.limit),
              })}
            </Note>
          </li>
        );
      })}
      <li>
        <Link href="/settings" class="inline-link">
          {t("performance.limits")}
        </Link>
      </li>
    </ul>
  );
}

const SECONDS: Record<Period, number> = { hour: 3_600, day: 86_400, month: 30 * 86_400 };

function Figures({ now }: { now: Performance }) {
  const { cache, database, limits } = now;
  const failed = now.requests === 0 ? 0 : (100 * now.errors) / now.requests;
  const tone = (value: number | null, limit: number) => ((value ?? 0) > limit ? "refused" : undefined);
  return (
    <dl class="figures large performance-figures">
      <Figure name={t("performance.p50")}>{ms(now.p50_ms)}</Figure>
      <Figure name={t("performance.p95")} tone={tone(now.p95_ms, limits.p95_ms)}>
        {ms(now.p95_ms)}
      </Figure>
      <Figure name={t("performance.p99")}>{ms(now.p99_ms)}</Figure>
      <Figure name={t("performance.rate")} testid="rate">
        {t("performance.perSecond", { rate: number(round(now.requests / SECONDS[now.period])) })}
      </Figure>
      <Figure name={t("performance.errors")} tone={tone(failed, limits.errors_percent)}>
        {percent(failed)}
      </Figure>
      <Figure
        name={t("performance.cache")}
        tone={cache.redis === "down" || cache.redis === "resting" ? "waiting" : undefined}
      >
        {cache.hit_ratio === null ? "–" : percent(cache.hit_ratio * 100)}
        <span class="figure-more"> {t("performance.redis", { state: cache.redis })}</span>
      </Figure>
      <Figure name={t("performance.connections")}>
        {number(database.connections)} / {number(database.max_connections)}
      </Figure>
      <Figure name={t("performance.size")}>{bytes(database.size_bytes)}</Figure>
    </dl>
  );
}

const round = (value: number) => Math.round(value * 100) / 100;

const timeOf = (period: Period) => (period === "hour" ? clock : moment);

function OverTime({ now }: { now: Performance }) {
  const time = timeOf(now.period);
  return (
    <div class="charts-two">
      <Lines
        title={t("performance.times")}
        names={["p50", "p95", "p99"]}
        points={now.over_time.map((one) => ({ at: one.at, values: [one.p50_ms, one.p95_ms, one.p99_ms] }))}
        unit={ms}
        time={time}
        limit={{ value: now.limits.p95_ms, name: t("performance.alert.p95") }}
      />
      <Columns
        title={t("performance.requests")}
        bars={now.over_time.map((one) => ({ at: one.at, value: one.requests, bad: one.errors }))}
        time={time}
        tell={(bar) =>
          t("performance.slot", {
            at: time(bar.at),
            requests: number(bar.value),
            errors: number(bar.bad ?? 0),
          })
        }
        running
      />
    </div>
  );
}

function System({ now }: { now: Performance }) {
  const time = timeOf(now.period);
  const points = (value: (one: Performance["system"][number]) => number | null) =>
    now.system.map((one) => ({ at: one.at, values: [value(one)] }));
  return (
    <div class="charts-two">
      <Lines
        title={t("performance.cpu")}
        names={[t("performance.cpu.name")]}
        points={points((one) => one.cpu_share * 100)}
        unit={percent}
        time={time}
      />
      <Lines
        title={t("performance.memory")}
        names={[t("performance.memory")]}
        points={points((one) => one.memory_bytes)}
        unit={bytes}
        time={time}
      />
      <Lines
        title={t("performance.lag")}
        names={[t("performance.lag.name")]}
        points={points((one) => one.loop_lag_ms)}
        unit={ms}
        time={time}
        limit={{ value: now.limits.loop_lag_ms, name: t("performance.alert.lag") }}
      />
      <Lines
        title={t("performance.pool")}
        names={[t("performance.pool.name")]}
        points={points((one) => one.pool_percent)}
        unit={percent}
        time={time}
        limit={{ value: now.limits.pool_percent, name: t("performance.alert.pool") }}
      />
    </div>
  );
}

function Queries({ now }: { now: Performance }) {
  return (
    <section class="card grid-card" aria-labelledby="queries">
      <h2 id="queries">{t("performance.queries")}</h2>
      {now.queries === null ? (
        <p class="soft">{t("performance.queries.none")}</p>
      ) : (
        <ol class="queries">
          {now.queries.map((one) => (
            <li key={one.query}>
              <code>{one.query}</code>
              <span class="soft number">
                {t("performance.query", {
                  calls: number(one.calls),
                  mean: ms(one.mean_ms),
                  total: ms(one.total_ms),
                })}
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Imports({ now }: { now: Performance }) {
  if (now.imports.length === 0) return null;
  return (
    <section class="card live-list" aria-labelledby="imports-speed">
      <h2 id="imports-speed">{t("performance.imports")}</h2>
      <ul>
        {now.imports.map((one) => (
          <li key={one.id}>
            <Link href={`/imports/${one.id}`} class="import-speed">
              <time dateTime={one.finished_at}>{moment(one.finished_at)}</time>
              <span class="number">{t("import.rows", { count: one.rows })}</span>
              <strong class="number">
                {t("import.rate", { rows: number(Math.round(one.rows_per_second)) })}
              </strong>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
