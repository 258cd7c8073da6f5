import { expect, test } from "vitest";
import { codesIn } from "./codes";

test("a pasted column or row of a sheet is one code a cell, with whatever is in them", () => {
  expect(codesIn("SB 1\r\n\r\n0007, x\t  P;2 \n")).toEqual(["SB 1", "0007, x", "P;2"]);
  expect(codesIn(" \n\t")).toEqual([]);
});
