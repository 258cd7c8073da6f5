import { describe, expect, it } from "vitest";
import { difference } from "./difference";

describe("the difference an event made", () => {
  it("names what changed first, and keeps what did not", () => {
    const changes = difference(
      { state: "open", code: "P1", lot: null },
      { state: "billed", code: "P1", lot: "7" },
    );
    expect(changes.map((one) => [one.name, one.before, one.after, one.changed])).toEqual([
      ["state", "open", "billed", true],
      ["lot", "–", "7", true],
      ["code", "P1", "P1", false],
    ]);
  });

  it("tells a new thing and one that is gone from a value that is empty", () => {
    expect(difference(null, { code: "P1" })[0]).toMatchObject({ before: null, after: "P1" });
    expect(difference({ code: "P1" }, null)[0]).toMatchObject({ before: "P1", after: null });
    expect(difference(null, null)).toEqual([]);
  });

  it("compares whole structures", () => {
    expect(difference({ areas: [1, 2] }, { areas: [1, 2] })[0]?.changed).toBe(false);
    expect(difference({ areas: [1, 2] }, { areas: [2] })[0]?.changed).toBe(true);
  });
});
