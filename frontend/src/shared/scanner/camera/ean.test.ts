import { expect, test } from "vitest";
import { Proofs, patternOf, proveEan, type Grey } from "./ean";

const MODULE_PX = 3.4;
const BARS_FROM = 40;

/** Bars as a camera sees them: so many px a module, out of focus by so many modules. */
function photograph(text: string, blur: number): { picture: Grey; corners: { x: number; y: number }[] } {
  const { modules } = patternOf(text);
  const [width, height] = [Math.round(BARS_FROM * 2 + modules.length * MODULE_PX), 60];
  const row = Array.from({ length: width }, (_, x) => {
    let dark = 0;
    let sum = 0;
    for (let off = -2.5 * blur; off <= 2.5 * blur + 1e-9; off += 0.1) {
      const weight = Math.exp(-((off / blur) ** 2) / 2);
      dark += weight * (modules[Math.floor((x - BARS_FROM) / MODULE_PX + off)] ?? 0);
      sum += weight;
    }
    return 225 - 180 * (dark / sum);
  });
  const data = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < width * height; at += 1) {
    // The same grain every time, as a sensor has it.
    const grain = ((at * 7_919) % 13) - 6;
    data.fill((row[at % width] ?? 0) + grain, 4 * at, 4 * at + 3);
  }
  const right = BARS_FROM + modules.length * MODULE_PX + 2;
  return {
    picture: { data, width, height },
    corners: [
      { x: BARS_FROM - 2, y: 5 },
      { x: right, y: 5 },
      { x: right, y: 55 },
      { x: BARS_FROM - 2, y: 55 },
    ],
  };
}

test.each([
  ["2515343396997", 0.3],
  ["2515343396997", 0.9],
  ["8378111620649", 0.8],
  ["4006381333931", 0.5],
  ["0036000291452", 0.8],
  ["96385074", 0.7],
])("%s is what its bars are, out of focus by %d modules", (text, blur) => {
  const { picture, corners } = photograph(text, blur);
  expect(proveEan(text, picture, corners).worst).toBeLessThan(0.7);
  expect(new Proofs().holds("ean_13", text, picture, corners)).toBe(true);
  expect(new Proofs().holds("ean_13", text.replace(/^0(?=[0-9]{12}$)/, ""), picture, corners)).toBe(true);
});

// Each was read from a blurred picture of the other, with a check digit that is right.
test.each([
  ["2515343396997", "0517444396991"],
  ["8378111620649", "0318771620649"],
  ["7097419314579", "0087318314579"],
])("%s is not %s, however blurred", (text, misread) => {
  for (const blur of [0.4, 0.7, 0.9]) {
    const { picture, corners } = photograph(text, blur);
    expect(proveEan(misread, picture, corners).worst).toBeGreaterThan(1.5);
    expect(new Proofs().holds("ean_13", misread, picture, corners)).toBe(false);
  }
});

test("other kinds prove themselves", () => {
  expect(
    new Proofs().holds("code_128", "SB1", { data: new Uint8ClampedArray(4), width: 1, height: 1 }, []),
  ).toBe(true);
});
