import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "react";

interface RowsProps<T> {
  rows: readonly T[];
  keyOf: (row: T) => string | number;
  /** Every row's height in px, the same for all. */
  height: number;
  label: string;
  children: (row: T) => ComponentChildren;
  /** Called when the end comes near. */
  onNearEnd?: () => void;
}

/** How many rows above and below the window are there already. */
const SPARE = 8;

/**
 * A long list of which only the rows in sight exist, so that the next scan costs the same with two
 * thousand rows as with ten. It scrolls with the page.
 */
export function Rows<T>({ rows, keyOf, height, label, children, onNearEnd }: RowsProps<T>) {
  const list = useRef<HTMLOListElement>(null);
  const [[first, end], setShown] = useState<readonly [number, number]>([0, 24]);

  useLayoutEffect(() => {
    const look = () => {
      const top = list.current?.getBoundingClientRect().top ?? 0;
      const from = Math.max(0, Math.floor(-top / height) - SPARE);
      const to = Math.ceil((innerHeight - top) / height) + SPARE;
      setShown((now) => (now[0] === from && now[1] === to ? now : [from, to]));
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [height, rows.length]);

  const near = end >= rows.length;
  useEffect(() => {
    if (near) onNearEnd?.();
  }, [near, onNearEnd]);

  return (
    <ol ref={list} class="rows" aria-label={label} style={{ height: `${rows.length * height}px` }}>
      {rows.slice(first, end).map((row, at) => (
        <li
          key={keyOf(row)}
          aria-setsize={rows.length}
          aria-posinset={first + at + 1}
          style={{ height: `${height}px`, transform: `translateY(${(first + at) * height}px)` }}
        >
          {children(row)}
        </li>
      ))}
    </ol>
  );
}
