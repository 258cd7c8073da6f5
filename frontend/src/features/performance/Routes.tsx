import { useState } from "react";
import { number } from "@/shared/i18n/i18n";
import { t, type OfficeKey } from "@/shared/i18n/office";
import type { Performance } from "./summary";
import { ms } from "./units";

type Route = Performance["routes"][number];
type Figure = "requests" | "errors" | "mean_ms" | "p50_ms" | "p95_ms" | "p99_ms";

const COLUMNS: readonly { key: Figure; name: OfficeKey; unit: (value: number | null) => string }[] = [
  { key: "requests", name: "performance.requests.short", unit: (value) => number(value ?? 0) },
  { key: "errors", name: "performance.errors", unit: (value) => number(value ?? 0) },
  { key: "mean_ms", name: "performance.mean", unit: ms },
  { key: "p50_ms", name: "performance.p50", unit: ms },
  { key: "p95_ms", name: "performance.p95", unit: ms },
  { key: "p99_ms", name: "performance.p99", unit: ms },
];

const FEW = 12;

interface RoutesProps {
  routes: readonly Route[];
  limit: number;
  chosen: string;
  choose: (route: string) => void;
}

/** Every route with its figures; pressed, the pictures above show it alone. */
export function Routes({ routes, limit, chosen, choose }: RoutesProps) {
  const [by, setBy] = useState<Figure>("p95_ms");
  const [all, setAll] = useState(false);
  const sorted = [...routes].sort((a, b) => (b[by] ?? 0) - (a[by] ?? 0));
  const shown = all ? sorted : sorted.slice(0, FEW);
  return (
    <section class="card routes" aria-labelledby="routes">
      <h2 id="routes">{t("performance.routes")}</h2>
      <div class="routes-scroll" tabIndex={0} role="group" aria-label={t("performance.routes")}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("performance.route")}</th>
              {COLUMNS.map(({ key, name }) => (
                <th key={key} scope="col" aria-sort={key === by ? "descending" : undefined}>
                  <button type="button" onClick={() => setBy(key)}>
                    {t(name)}
                    <span aria-hidden="true">{key === by ? " ▼" : ""}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((route) => {
              const name = `${route.method} ${route.route}`;
              return (
                <tr key={name} data-chosen={name === chosen || undefined}>
                  <th scope="row">
                    <button
                      type="button"
                      class="code"
                      aria-pressed={name === chosen}
                      onClick={() => choose(name === chosen ? "" : name)}
                    >
                      {name.replace("/api/v1", "")}
                    </button>
                  </th>
                  {COLUMNS.map(({ key, unit }) => {
                    const bad =
                      key === "errors" ? route.errors > 0 : key === "p95_ms" && (route[key] ?? 0) > limit;
                    return (
                      <td key={key} class="number" data-bad={bad || undefined}>
                        {unit(route[key])}
                      </td>
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {routes.length > FEW && (
        <button type="button" class="button" data-wide onClick={() => setAll(!all)}>
          {all ? t("performance.fewer") : t("performance.all", { count: routes.length })}
        </button>
      )}
    </section>
  );
}
