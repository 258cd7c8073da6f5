import type { ComponentChildren } from "preact";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";

export interface BarRow {
  key: string | number;
  name: string;
  value: number;
}

/** How many bars can be read at a glance; the table below has all. */
const MOST = 12;

/** Lying bars, each with its name and number: read by eyes and by screen readers alike. */
export function Bars({
  title,
  rows,
  unit,
}: {
  title: string;
  rows: readonly BarRow[];
  unit?: (value: number) => string;
}) {
  const shown = [...rows]
    .filter((row) => row.value > 0)
    .sort((a, b) => b.value - a.value)
    .slice(0, MOST);
  const most = Math.max(1, ...shown.map((row) => row.value));
  return (
    <section class="card chart" aria-label={title}>
      <h2>{title}</h2>
      {shown.length === 0 ? (
        <p class="soft">{t("report.nothing")}</p>
      ) : (
        <ul class="bars-lying">
          {shown.map((row) => (
            <li key={row.key}>
              <span class="bar-name">{row.name}</span>
              <span class="bar-track" aria-hidden="true">
                <span style={{ width: `${(row.value / most) * 100}%` }} />
              </span>
              <span class="number bar-value">{unit === undefined ? number(row.value) : unit(row.value)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Standing bars over days, in their order, days without anything included. */
export function Days({
  title,
  rows,
  from,
  to,
}: {
  title: string;
  rows: readonly BarRow[];
  from: string;
  to: string;
}) {
  const values = new Map(rows.map((row) => [row.key, row.value]));
  const days = daysBetween(from, to);
  const most = Math.max(1, ...values.values());
  const total = rows.reduce((sum, row) => sum + row.value, 0);
  return (
    <section class="card chart" aria-label={title}>
      <h2>{title}</h2>
      {total === 0 ? (
        <p class="soft">{t("report.nothing")}</p>
      ) : (
        <>
          <div class="bars-standing" aria-hidden="true">
            {days.map((day) => {
              const value = values.get(day) ?? 0;
              return (
                <span key={day} title={`${shortDay(day)}: ${number(value)}`}>
                  <span style={{ height: `${(value / most) * 100}%` }} />
                </span>
              );
            })}
          </div>
          <p class="days-ends soft number" aria-hidden="true">
            <span>{shortDay(from)}</span>
            <span>{t("report.most", { count: number(most) })}</span>
            <span>{shortDay(to)}</span>
          </p>
        </>
      )}
    </section>
  );
}

/** Days are dates without a time: no zone may move them. */
function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  const end = Date.parse(`${to}T00:00Z`);
  for (let at = Date.parse(`${from}T00:00Z`); at <= end && days.length < 400; at += 86_400_000)
    days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

export const shortDay = (day: string): string =>
  new Intl.DateTimeFormat(document.documentElement.lang, {
    day: "numeric",
    month: "short",
    timeZone: "UTC",
  }).format(new Date(`${day}T00:00Z`));

interface Column<T> {
  name: string;
  value: (row: T) => ComponentChildren;
  /** Text stands at the left, numbers at the right. */
  text?: boolean;
}

export function Grid<T>({
  title,
  rows,
  keyOf,
  columns,
}: {
  title: string;
  rows: readonly T[];
  keyOf: (row: T) => string | number;
  columns: readonly Column<T>[];
}) {
  if (rows.length === 0) return null;
  return (
    <div class="card grid-card">
      <h2>{title}</h2>
      <div class="grid-scroll" tabIndex={0} role="region" aria-label={title}>
        <table class="grid">
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.name} scope="col" data-text={column.text}>
                  {column.name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={keyOf(row)}>
                {columns.map((column, at) =>
                  at === 0 ? (
                    <th key={column.name} scope="row" data-text={column.text}>
                      {column.value(row)}
                    </th>
                  ) : (
                    <td key={column.name} class="number" data-text={column.text}>
                      {column.value(row)}
                    </td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
