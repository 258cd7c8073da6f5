import { Link } from "wouter";
import { number } from "@/shared/i18n/i18n";
import "./charts.css";

export interface Rank {
  key: string | number;
  name: string;
  value: number;
  /** What stands behind the number, as a word. */
  more?: string | undefined;
  href?: string;
}

/** How many can be read at a glance. */
const MOST = 10;

/** Lying bars, each with its name and number, the largest first. */
export function Ranks({ title, rows, none }: { title: string; rows: readonly Rank[]; none: string }) {
  const shown = [...rows].sort((a, b) => b.value - a.value).slice(0, MOST);
  const most = Math.max(1, ...shown.map((row) => row.value));
  return (
    <section class="card chart" aria-label={title}>
      <h2>{title}</h2>
      {shown.length === 0 ? (
        <p class="soft">{none}</p>
      ) : (
        <ul class="ranks">
          {shown.map((row) => (
            <li key={row.key}>
              {row.href === undefined ? (
                <span class="rank-name">{row.name}</span>
              ) : (
                <Link href={row.href} class="rank-name">
                  {row.name}
                </Link>
              )}
              <span class="rank-track" aria-hidden="true">
                <span style={{ width: `${(row.value / most) * 100}%` }} />
              </span>
              <span class="rank-value number">
                <strong>{number(row.value)}</strong>
                {row.more !== undefined && <span class="soft"> {row.more}</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
