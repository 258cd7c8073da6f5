import { expect, test } from "vitest";
import { columnLetters, giveRole } from "./mapping";

test("a role moves from one column to another", () => {
  expect(giveRole({ parent: 0, child: 1 }, 2, "child")).toEqual({ parent: 0, child: 2 });
});

test("a column is one thing only", () => {
  expect(giveRole({ parent: 0, child: 1 }, 0, "child")).toEqual({ child: 0 });
});

test("a column may be nothing", () => {
  expect(giveRole({ parent: 0, child: 1 }, 0, "")).toEqual({ child: 1 });
});

test.each([
  [0, "A"],
  [25, "Z"],
  [26, "AA"],
  [63, "BL"],
])("column %i is %s", (column, letters) => {
  expect(columnLetters(column)).toBe(letters);
});
