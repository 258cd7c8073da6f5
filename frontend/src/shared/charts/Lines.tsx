import { useState } from "react";
import { t } from "@/shared/i18n/office";
import "./charts.css";

export interface Point {
  at: string;
  /** By line; null where nothing was measured. */
  values: readonly (number | null)[];
}

interface LinesProps {
  title: string;
  /** What each line is, from the strongest to the faintest. */
  names: readonly string[];
  points: readonly Point[];
  unit: (value: number) => string;
  time: (at: string) => string;
  /** A line across: what should not be gone beyond. */
  limit?: { value: number; name: string };
}

const WIDTH = 1000;
const HEIGHT = 220;

/** Lines over time, told apart by stroke as well as colour. Gaps stay gaps. */
export function Lines({ title, names, points, unit, time, limit }: LinesProps) {
  const [at, setAt] = useState<number | null>(null);
  const times = points.map((point) => Date.parse(point.at));
  const from = times[0] ?? 0;
  const span = Math.max(1, (times.at(-1) ?? 1) - from);
  // The usual step between two points; a longer one is a time without figures.
  const steps = times.slice(1).map((now, place) => now - (times[place] ?? now));
  const step = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? span;
  const all = points.flatMap((point) => point.values.filter((value) => value !== null));
  const most = Math.max(1, ...all) * 1.05;
  const x = (place: number) => (((times[place] ?? from) - from) / span) * WIDTH;
  const y = (value: number) => HEIGHT - (Math.min(value, most) / most) * HEIGHT;

  const path = (line: number): string => {
    let drawn = "";
    let pen = false;
    points.forEach((point, place) => {
      const value = point.values[line] ?? null;
      const gap = place > 0 && (times[place] ?? 0) - (times[place - 1] ?? 0) > step * 1.5;
      if (value === null) return void (pen = false);
      drawn += `${pen && !gap ? "L" : "M"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
      // A single point is a dot of the stroke's width.
      if (!pen || gap) drawn += "h0.01";
      pen = true;
    });
    return drawn;
  };

  const onMove = (event: PointerEvent) => {
    if (!(event.currentTarget instanceof Element) || points.length === 0) return;
    const box = event.currentTarget.getBoundingClientRect();
    const wanted = from + ((event.clientX - box.left) / box.width) * span;
    let nearest = 0;
    times.forEach((one, place) => {
      if (Math.abs(one - wanted) < Math.abs((times[nearest] ?? 0) - wanted)) nearest = place;
    });
    setAt(nearest);
  };
  const shown = at === null ? undefined : points[at];
  const say = (point: Point) =>
    names
      .map((name, line) => {
        const value = point.values[line] ?? null;
        return `${name} ${value === null ? "–" : unit(value)}`;
      })
      .join(", ");

  return (
    <section class="card chart" aria-label={title}>
      <div class="chart-head">
        <h2>{title}</h2>
        <ul class="chart-names" aria-hidden="true">
          {names.map((name, line) => (
            <li key={name} data-line={line}>
              {name}
              {shown !== undefined && (
                <strong class="number"> {unitOf(shown.values[line] ?? null, unit)}</strong>
              )}
            </li>
          ))}
        </ul>
      </div>
      {points.length === 0 ? (
        <p class="soft">{t("report.nothing")}</p>
      ) : (
        <>
          <div class="lines-box" onPointerMove={onMove} onPointerLeave={() => setAt(null)}>
            <span class="columns-most soft number" aria-hidden="true">
              {unit(most / 1.05)}
            </span>
            <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
              <path d={`M0 ${HEIGHT / 2}H${WIDTH}`} class="lines-half" />
              {limit !== undefined && limit.value <= most && (
                <path d={`M0 ${y(limit.value)}H${WIDTH}`} class="lines-limit" />
              )}
              {names.map((name, line) => (
                <path key={name} d={path(line)} data-line={line} />
              ))}
              {at !== null && <path d={`M${x(at)} 0V${HEIGHT}`} class="lines-at" />}
            </svg>
          </div>
          <p class="chart-ends soft number" aria-hidden="true">
            <span>{points[0] && time(points[0].at)}</span>
            <span>{shown !== undefined && time(shown.at)}</span>
            <span>{points.at(-1) && time(points.at(-1)?.at ?? "")}</span>
          </p>
          <div class="hidden-visually">
            <table>
              <caption>{title}</caption>
              <tbody>
                {points.map((point) => (
                  <tr key={point.at}>
                    <th scope="row">{time(point.at)}</th>
                    <td>{say(point)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </section>
  );
}

const unitOf = (value: number | null, unit: (value: number) => string) =>
  value === null ? "–" : unit(value);
