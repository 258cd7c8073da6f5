/** What a table is told. */
import type { ComponentChildren } from "preact";
import type { Filters } from "./useFilters";
import type { List } from "./useList";

/** Of files with what a table shows. */
export type Format = "xlsx" | "csv";

export interface Column<T> {
  key: string;
  name: string;
  value: (row: T) => ComponentChildren;
  /** Stands at the right. */
  number?: boolean;
  /** Values of the filter `sort` that order by this column. */
  sort?: { up?: string; down?: string };
  /** Not shown until somebody chooses it. */
  extra?: boolean;
}

export interface TableProps<T> {
  name: string;
  label: string;
  list: List<T>;
  columns: readonly Column<T>[];
  keyOf: (row: T) => string | number;
  /** Where a row leads, if anywhere. */
  href?: (row: T) => string | undefined;
  /** More about a row, below it, once it is asked for. */
  detail?: (row: T) => ComponentChildren;
  /** A word about a row for its look, as `data-look`. */
  look?: (row: T) => string | undefined;
  filters?: Filters<Record<string, string>>;
  search?: string;
  /** The main act of the page, such as making a new one. */
  lead?: ComponentChildren;
  children?: ComponentChildren;
  rare?: ComponentChildren;
  rareActive?: boolean;
  exports?: (format: Format) => Promise<void>;
  /** Said when there is nothing at all; with filters on, that nothing matches them. */
  empty: string;
  drawing?: ComponentChildren;
  testid?: string;
}
