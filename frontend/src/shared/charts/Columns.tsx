import { useState } from "react";
import { number } from "@/shared/i18n/i18n";
import "./charts.css";

export interface Bar {
  at: string;
  value: number;
  /** The part of it that is worse, drawn at the foot in another colour. */
  bad?: number;
}

interface ColumnsProps {
  title: string;
  bars: readonly Bar[];
  /** A bar's time as a word. */
  time: (at: string) => string;
  /** A whole sentence about a bar, shown while it is pointed at. */
  tell: (bar: Bar) => string;
  /** The last bar is not over yet. */
  running?: boolean;
}

/** Standing bars over time. Pointing at one tells its figures; screen readers get them as a table. */
export function Columns({ title, bars, time, tell, running }: ColumnsProps) {
  const [at, setAt] = useState<number | null>(null);
  const most = Math.max(1, ...bars.map((bar) => bar.value));
  const shown = at === null ? undefined : bars[at];
  const first = bars[0];
  const last = bars.at(-1);
  return (
    <section class="card chart" aria-label={title}>
      <div class="chart-head">
        <h2>{title}</h2>
        <p class="soft number" aria-hidden="true">
          {shown === undefined ? null : tell(shown)}
        </p>
      </div>
      <div class="columns" aria-hidden="true" onPointerLeave={() => setAt(null)}>
        <span class="columns-most soft number">{number(most)}</span>
        {bars.map((bar, place) => (
          <span
            key={bar.at}
            class="column"
            data-running={(running === true && place === bars.length - 1) || undefined}
            data-at={place === at || undefined}
            onPointerEnter={() => setAt(place)}
          >
            <span class="column-value" style={{ height: `${(bar.value / most) * 100}%` }}>
              {bar.bad !== undefined && bar.bad > 0 && (
                <span class="column-bad" style={{ height: `${(bar.bad / bar.value) * 100}%` }} />
              )}
            </span>
          </span>
        ))}
      </div>
      <p class="chart-ends soft number" aria-hidden="true">
        <span>{first && time(first.at)}</span>
        <span>{last && last !== first && time(last.at)}</span>
      </p>
      <div class="hidden-visually">
        <table>
          <caption>{title}</caption>
          <tbody>
            {bars.map((bar) => (
              <tr key={bar.at}>
                <td>{tell(bar)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
