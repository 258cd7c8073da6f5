import { afterEach, expect, test, vi } from "vitest";
import { cleanCode, codeKey, newId } from "./codes";

test.each([
  ["  SB1 \r\n", "SB1"],
  ["\tSB 1\t", "SB 1"],
  ["A  \t B", "A B"],
  ["]Q1SB00012", "SB00012"],
  ["]C1 SB1", "SB1"],
  ["e\u0301", "\u00e9"],
  ["0016586", "0016586"],
])("%j is cleaned to %j", (raw, clean) => expect(cleanCode(raw)).toBe(clean));

test("codes compare without regard to case", () => expect(codeKey("sb12 ")).toBe(codeKey("SB12")));

afterEach(() => vi.unstubAllGlobals());

test("ids are UUIDs, also where randomUUID is missing", () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  expect(newId()).toMatch(uuid);
  vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
  expect(newId()).toMatch(uuid);
  expect(newId()).not.toBe(newId());
});
