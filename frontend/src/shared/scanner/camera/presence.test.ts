import { expect, test } from "vitest";
import { Presence } from "./presence";

const matrix = (text: string) => ({ text, linear: false, corners: [] });
const bars = (text: string) => ({ text, linear: true, corners: [] });

/** Looks every 100 ms; answers what was taken at each look. */
function watch(looks: ReturnType<typeof matrix>[][], presence = new Presence()): string[][] {
  return looks.map((found, at) => {
    const fresh = presence.look(found, at * 100);
    presence.take(fresh);
    return fresh;
  });
}

test("a code that stays in the frame is taken once", () => {
  const a = matrix("A");
  expect(watch([[a], [a], [a], [a]]).flat()).toEqual(["A"]);
});

test("a few blurred pictures are not a new scan", () => {
  const a = matrix("A");
  expect(watch([[a], [], [], [], [], [], [], [a]]).flat()).toEqual(["A"]);
});

test("a slow reader that misses a code for a second has not looked often enough to say it left", () => {
  const presence = new Presence();
  presence.take(presence.look([matrix("A")], 0));
  presence.look([], 900);
  presence.look([], 1_800);
  expect(presence.look([matrix("A")], 2_700)).toEqual([]);
});

test("a code that left and came back is taken again", () => {
  const a = matrix("A");
  const away = Array.from({ length: 11 }, () => []);
  expect(watch([[a], ...away, [a]]).flat()).toEqual(["A", "A"]);
});

test("several codes in one picture are one batch, however often each is in it", () => {
  const [a, b] = [matrix("A"), matrix("B")];
  expect(watch([[a, b, a]])).toEqual([["A", "B"]]);
  expect(watch([[a], [a, b], [b]])).toEqual([["A"], ["B"], []]);
});

test("bars are believed when they were read twice alike", () => {
  expect(watch([[bars("1")], [bars("2")], [bars("1")], [bars("1")]])).toEqual([[], [], ["1"], []]);
  expect(watch([[bars("1"), bars("1")]])).toEqual([[]]);
});

test("what was not acted upon is offered at every look", () => {
  const presence = new Presence();
  expect(presence.look([matrix("A")], 0)).toEqual(["A"]);
  expect(presence.look([matrix("A")], 100)).toEqual(["A"]);
});
