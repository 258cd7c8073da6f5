import { expect, test } from "vitest";
import { retryAfterSeconds } from "@/shared/api/retryAfter";
import { backoffMs } from "./backoff";

test("waits longer after each failure, up to a quarter of a minute, and never in step", () => {
  const longest = [1, 2, 3, 4, 5, 6, 20].map((failures) => backoffMs(failures, null, () => 1));
  expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  expect(backoffMs(3, null, () => 0)).toBe(2_000);
});

test("never sooner than the server asks", () => {
  expect(backoffMs(1, 60, () => 0)).toBe(60_000);
  expect(backoffMs(6, 1, () => 1)).toBe(15_000);
});

test("reads Retry-After in both its forms", () => {
  const now = Date.parse("2026-11-24T08:00:00Z");
  expect(retryAfterSeconds("7")).toBe(7);
  expect(retryAfterSeconds("Tue, 24 Nov 2026 08:00:30 GMT", now)).toBe(30);
  expect(retryAfterSeconds("Tue, 24 Nov 2026 07:00:00 GMT", now)).toBe(0);
  expect(retryAfterSeconds(null)).toBeNull();
  expect(retryAfterSeconds("soon")).toBeNull();
});
