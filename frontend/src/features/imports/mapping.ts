import type { Kind, Shape, SheetMapping } from "./calls";

export type Columns = NonNullable<SheetMapping["columns"]>;
export type Role = "serial" | "parent" | "child" | "bill" | "area" | "type" | "lot" | "variety" | "tag";

/** What a column of a file of each kind may be. */
export const ROLES: Record<Kind, readonly Role[]> = {
  bags: ["serial", "parent", "child", "area", "type", "lot", "variety", "tag"],
  bills: ["serial", "bill", "parent"],
};

export const SHAPES: Record<Kind, readonly [Shape, Shape]> = {
  bags: ["pairs", "packing"],
  bills: ["bill_pairs", "bill_rows"],
};

/** Says what a column is; no two columns are the same, and no column is two things. */
export function giveRole(columns: Columns, column: number, role: Role | ""): Columns {
  const kept = Object.entries(columns).filter(([name, at]) => at !== column && name !== role);
  return Object.fromEntries<number>(role === "" ? kept : [...kept, [role, column]]);
}

/** Excel's name of a column: 0 is A, 26 is AA. */
export function columnLetters(column: number): string {
  const letter = String.fromCharCode(65 + (column % 26));
  return column < 26 ? letter : columnLetters(Math.floor(column / 26) - 1) + letter;
}
