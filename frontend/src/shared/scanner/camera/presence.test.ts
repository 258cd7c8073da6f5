import { expect, test } from "vitest";
import { chooseCodes, shapeOf } from "./choose";
import type { Found } from "./found";
import { Watch } from "./notices";
import { Presence, type Sight } from "./presence";

/** A box of 100 by 50 px around a middle. */
const around = (x: number, y: number) => [
  { x: x - 50, y: y - 25 },
  { x: x + 50, y: y - 25 },
  { x: x + 50, y: y + 25 },
  { x: x - 50, y: y + 25 },
];
const matrix = (text: string, x = 100, y = 100): Found => ({
  text,
  format: "qr_code",
  linear: false,
  corners: around(x, y),
});
const bars = (text: string, x = 600, y = 600): Found => ({
  text,
  format: "ean_13",
  linear: true,
  corners: around(x, y),
});

/** Looks every 100 ms, as often as told; answers what was taken at each look. */
function watch(looks: Found[][], lot?: readonly string[], presence = new Presence()): string[][] {
  return looks.map((found, at) => {
    const { codes } = chooseCodes(presence.look(found, at * 100), lot);
    presence.take(codes);
    return [...codes];
  });
}
const times = (count: number, found: Found[]): Found[][] => Array.from({ length: count }, () => found);

test("a code that stays in the frame is taken once", () => {
  expect(watch(times(4, [matrix("A")])).flat()).toEqual(["A"]);
});

test("a few blurred pictures are not a new scan", () => {
  const a = matrix("A");
  expect(watch([[a], ...times(6, []), [a]]).flat()).toEqual(["A"]);
});

test("a slow reader that misses a code for a second has not looked often enough to say it left", () => {
  const presence = new Presence();
  presence.take(presence.look([matrix("A")], 0).fresh);
  presence.look([], 900);
  presence.look([], 1_800);
  expect(presence.look([matrix("A")], 2_700).fresh).toEqual([]);
});

test("a code that left and came back is taken again", () => {
  const a = matrix("A");
  expect(watch([[a], ...times(11, []), [a]]).flat()).toEqual(["A", "A"]);
});

test("several codes in one picture are one batch, however often each is in it", () => {
  const [a, b] = [matrix("A"), matrix("B", 400)];
  expect(watch([[a, b, a]])).toEqual([["A", "B"]]);
  expect(watch([[a], [a, b], [b]])).toEqual([["A"], ["B"], []]);
});

test("bars are believed when two looks in a row read them alike", () => {
  const one = bars("1");
  expect(watch([[one], [], [one], [one]]).flat()).toEqual(["1"]);
  expect(watch([[one], [], [one], [], [one]]).flat()).toEqual([]);
  expect(watch([[one, one]])).toEqual([[]]);
});

test("two bar codes on one spot are never both true", () => {
  const [right, wrong] = [bars("8909675071235"), bars("2962611011234", 610, 605)];
  expect(
    watch([
      [right, wrong],
      [right, wrong],
      [right, wrong],
    ]).flat(),
  ).toEqual([]);
  // One was taken: the other is a misreading, however often in a row.
  expect(watch([[right], [right], [wrong], [wrong], [right], [wrong, right], [wrong]]).flat()).toEqual([
    right.text,
  ]);
  // The label was changed for another at the same spot.
  expect(watch([...times(3, [right]), ...times(8, [wrong])]).flat()).toEqual([right.text, wrong.text]);
});

test("what was not acted upon is offered at every look", () => {
  const presence = new Presence();
  expect(presence.look([matrix("A")], 0).fresh).toEqual(["A"]);
  expect(presence.look([matrix("A")], 100).fresh).toEqual(["A"]);
});

test("what opens a bag was alone, and the frame still, for half a second", () => {
  expect(watch(times(5, [matrix("P1")]), []).flat()).toEqual([]);
  expect(watch(times(7, [matrix("P1")]), []).flat()).toEqual(["P1"]);
  // Bars that are not sure yet count as well, and so does a second label a moment later.
  const both = [matrix("C1"), bars("P1")];
  expect(
    watch([...times(4, [matrix("C1")]), ...times(20, [...both])], []).filter((codes) => codes.length === 1),
  ).toEqual([]);
  const flickering = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? both : [matrix("C1")]));
  expect(watch(flickering, []).flat()).toEqual([]);
});

test("a command acts alone", () => {
  expect(watch(times(12, [matrix("TT:UNDO"), bars("SB1")]), ["SB2"]).flat()).toEqual([]);
  expect(watch(times(12, [matrix("TT:UNDO")]), ["SB2"]).flat()).toEqual(["TT:UNDO"]);
});

test("of several shapes in one frame only the lot's are taken", () => {
  const frame = [matrix("SB770003"), bars("4006381333931"), matrix("SB770004", 400)];
  expect(watch(times(12, frame), ["sb770001"]).flat()).toEqual(["SB770003", "SB770004"]);
  expect(watch(times(12, frame)).flat()).toEqual([]);
  // Alone and still, a code that is unlike the lot is somebody's wish.
  expect(watch(times(5, [matrix("PB1-X")]), ["sb770001"]).flat()).toEqual([]);
  expect(watch(times(8, [matrix("PB1-X")]), ["sb770001"]).flat()).toEqual(["PB1-X"]);
  expect(watch([[matrix("SB100")]], ["SB99"]).flat()).toEqual(["SB100"]);
});

test("a shape has a sign for each digit and each letter", () => {
  expect(shapeOf("M444-00017")).toBe("A999-99999");
  expect(shapeOf("बैग१")).toBe("AA9");
});

const NOTHING: Sight = { fresh: [], beside: [], unsure: [], still: true, twice: [] };
const seen = (more: object) => ({ found: [], others: [], broken: false, dark: false, ...more });

test("two labels with one code are told from two readings of one label", () => {
  const presence = new Presence();
  const looks = [
    presence.look([bars("1"), bars("1", 605, 610)], 0),
    presence.look([bars("1"), bars("1", 605, 610)], 100),
  ];
  expect(looks.map(({ twice }) => twice)).toEqual([[], []]);
  presence.look([matrix("A"), matrix("A", 400)], 200);
  const sight = presence.look([matrix("A"), matrix("A", 400)], 300);
  expect(sight.twice).toEqual(["A"]);
  expect(new Watch().look(seen({}), sight, 300)).toEqual({ kind: "twice", code: "A" });
});

test("what cannot be read is told after some seconds, and no more when something was", () => {
  const told = (more: object, seconds: number) => {
    const watcher = new Watch();
    const notices = Array.from({ length: seconds * 10 + 1 }, (_, at) =>
      watcher.look(seen(more), NOTHING, at * 100),
    );
    return [...new Set(notices.map((notice) => notice?.kind ?? null))];
  };
  expect(told({ dark: true }, 1)).toEqual([null]);
  expect(told({ dark: true }, 3)).toEqual([null, "dark"]);
  expect(told({ broken: true }, 4)).toEqual([null, "unread"]);
  expect(told({}, 9)).toEqual([null, "nothing"]);
  expect(told({ others: [{ ...matrix("A"), format: "pdf417" }] }, 1)).toEqual(["otherKind"]);
  expect(told({ found: [matrix("A")], broken: true }, 20)).toEqual([null]);
});
