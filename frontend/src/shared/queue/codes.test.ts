import { afterEach, expect, test, vi } from "vitest";
// eslint-disable-next-line no-restricted-imports -- one file for both languages
import vectors from "../../../../tests/vectors/codes.json";
import { cleanCode, codeKey, codeReason, newId, readLabel, sitePattern, type LabelSite } from "./codes";

test.each(vectors.codes)("one code: $name", ({ raw, code, reason }) => {
  expect(codeReason(raw)).toBe(reason ?? null);
  if (code === undefined) return;
  expect(cleanCode(raw)).toBe(code);
  expect(cleanCode(code)).toBe(code);
});

const site: LabelSite = {
  hosts: vectors.hosts,
  patterns: vectors.patterns.flatMap(({ pattern, kind }) => sitePattern(pattern, kind as "child") ?? []),
};
const bare: LabelSite = { hosts: [], patterns: [] };

test.each(vectors.labels)("one label: $name", ({ raw, code, kind, foreign, site: set }) => {
  expect(readLabel(raw, set ? site : bare)).toEqual({ code, kind, foreign });
});

test("a pattern that a browser cannot say is the server's", () => {
  expect(sitePattern("(?P<code>\\pN+\\z", null)).toBeNull();
  expect(sitePattern("(?i)\\A(?P<code>sb\\d+)\\z", "child")?.expression.exec("SB12")?.groups?.code).toBe(
    "SB12",
  );
});

test("half a surrogate pair is no code", () => expect(codeReason("\ud800")).toBe("invisible"));

test("codes compare without regard to case", () => expect(codeKey("sb12 ")).toBe(codeKey("SB12")));

afterEach(() => vi.unstubAllGlobals());

test("ids are UUIDs, also where randomUUID is missing", () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  expect(newId()).toMatch(uuid);
  vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
  expect(newId()).toMatch(uuid);
  expect(newId()).not.toBe(newId());
});
