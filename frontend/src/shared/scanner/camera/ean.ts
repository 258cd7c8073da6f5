/**
 * Whether bars are those of an EAN, measured in the picture itself. Blurred bars are at times read as another EAN, alike
 * at every look; the check digit finds nine of ten of these, and this the rest.
 */
import type { CodeFormat, Point } from "./found";

/** Dark modules of each digit in the left half, from left to right (ISO/IEC 15420, number set A). */
const SET_A = [13, 25, 19, 61, 35, 49, 47, 59, 55, 11].map((bits) => modulesOf(bits, 7));
const SET_C = SET_A.map((digit) => digit.map((dark) => 1 - dark));
const SET_B = SET_C.map((digit) => [...digit].reverse());
/** Which digits of the left half are of set B, by the first digit of an EAN-13. */
const PARITY = [0, 11, 13, 14, 19, 25, 28, 21, 22, 26].map((bits) => modulesOf(bits, 6));
const GUARD = [1, 0, 1];
const MIDDLE = [0, 1, 0, 1, 0];

function modulesOf(bits: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => (bits >> (count - 1 - at)) & 1);
}

/** Grey picture in rows. */
export interface Grey {
  /** RGBA; one of the colours is enough. */
  data: Uint8ClampedArray;
  width: number;
  height: number;
}

/** One digit: its modules, and where they begin. */
interface Digit {
  from: number;
  modules: readonly number[];
  others: readonly (readonly number[])[];
}

/** The modules of an EAN-13 or EAN-8, and its digits. */
export function patternOf(text: string): { modules: number[]; digits: Digit[] } {
  const numbers = Array.from(text, Number);
  const parity = text.length === 13 ? (PARITY[numbers.shift() ?? 0] ?? []) : [0, 0, 0, 0];
  const half = parity.length;
  const modules: number[] = [...GUARD];
  const digits = numbers.map((digit, at) => {
    if (at === half) modules.push(...MIDDLE);
    const from = modules.length;
    const set = at >= half ? SET_C : parity[at] === 1 ? SET_B : SET_A;
    const own = set[digit] ?? [];
    modules.push(...own);
    // An EAN-8 has no digits of set B.
    const possible = at >= half ? SET_C : half === 4 ? SET_A : [...SET_A, ...SET_B];
    return { from, modules: own, others: possible.filter((other) => other !== own) };
  });
  return { modules: [...modules, ...GUARD], digits };
}

/** Samples of one module. */
const FINE = 4;
/** Samples are taken so many modules beyond both ends. */
const BEYOND = 5;
/** Rows that are looked at, from the top of the bars to their bottom. */
const ROWS = [0.3, 0.5, 0.7];
/** Blur of lens and distance, in modules; the first is good enough to find the place. */
const BLURS = [0.8, 0.35, 0.55, 1.1] as const;
/** How far the ends may be off, in modules, and the length, as a share: first roughly, then around what was found. */
const SHIFTS = range(-3, 3, 0.5);
const SCALES = range(0.96, 1.04, 0.01);
const NEARER = [-0.5, 0, 0.5];
/** The picture must be that like the pattern, as a correlation. */
const LEAST_LIKE = 0.8;
/** Another digit must not fit better than so, as a share of what this one leaves unexplained. */
const OTHER_FITS = 1;

function range(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.round((to - from) / step) + 1 }, (_, at) => from + at * step);
}

/** Darkness along one row of the bars. */
function rowOf(
  { data, width, height }: Grey,
  corners: readonly Point[],
  share: number,
  modules: number,
): number[] {
  const [topLeft, topRight, bottomRight, bottomLeft] = corners;
  if (!topLeft || !topRight || !bottomRight || !bottomLeft) return [];
  const between = (one: Point, other: Point, part: number): Point => ({
    x: one.x + (other.x - one.x) * part,
    y: one.y + (other.y - one.y) * part,
  });
  const [left, right] = [between(topLeft, bottomLeft, share), between(topRight, bottomRight, share)];
  return Array.from({ length: (modules + 2 * BEYOND) * FINE }, (_, at) => {
    const { x, y } = between(left, right, (at / FINE - BEYOND) / modules);
    const column = Math.min(width - 2, Math.max(0, Math.floor(x)));
    const line = Math.min(height - 2, Math.max(0, Math.floor(y)));
    const grey = (dx: number, dy: number) => data[4 * ((line + dy) * width + column + dx)] ?? 0;
    const [fx, fy] = [Math.min(1, Math.max(0, x - column)), Math.min(1, Math.max(0, y - line))];
    const top = grey(0, 0) * (1 - fx) + grey(1, 0) * fx;
    return 255 - (top * (1 - fy) + (grey(0, 1) * (1 - fx) + grey(1, 1) * fx) * fy);
  });
}

/** How dark a blurred edge is, at this many modules behind it. */
const edge = (behind: number, blur: number): number => 1 / (1 + Math.exp((-1.702 * behind) / blur));

/** What one dark module is when it is blurred, from `REACH` modules before it on. */
const REACH = 4;
const spread = (blur: number): readonly number[] =>
  Array.from({ length: (2 * REACH + 1) * FINE }, (_, at) => {
    const behind = at / FINE - REACH;
    return edge(behind, blur) - edge(behind - 1, blur);
  });
const SPREADS = new Map(BLURS.map((blur) => [blur, spread(blur)]));

/** What modules look like when they are blurred, sampled `FINE` times a module, `BEYOND` modules further. */
function blurred(modules: readonly number[], blur: (typeof BLURS)[number]): number[] {
  const seen = new Array<number>((modules.length + 2 * BEYOND) * FINE).fill(0);
  const one = SPREADS.get(blur) ?? [];
  modules.forEach((dark, module) => {
    if (dark === 0) return;
    const from = (BEYOND + module - REACH) * FINE;
    for (let at = 0; at < one.length; at += 1) seen[from + at] = (seen[from + at] ?? 0) + (one[at] ?? 0);
  });
  return seen.slice(0, (modules.length + 2 * BEYOND) * FINE);
}

/** A row of the picture as it is when the ends were off by `shift` modules and the length by `scale`. */
function moved(row: readonly number[], modules: number, shift: number, scale: number): number[] {
  const middle = (BEYOND + modules / 2) * FINE;
  return row.map((_, at) => {
    const from = middle + (at - middle) * scale + shift * FINE;
    const low = Math.floor(from);
    const one = row[Math.min(row.length - 1, Math.max(0, low))] ?? 0;
    const next = row[Math.min(row.length - 1, Math.max(0, low + 1))] ?? 0;
    return one + (next - one) * (from - low);
  });
}

/** The straight line from expected to seen, and how alike they are. */
function fit(expected: readonly number[], seen: readonly number[], from: number, to: number) {
  let [n, x, y, xx, yy, xy] = [0, 0, 0, 0, 0, 0];
  for (let at = from; at < to; at += 1) {
    const [ex, se] = [expected[at] ?? 0, seen[at] ?? 0];
    n += 1;
    x += ex;
    y += se;
    xx += ex * ex;
    yy += se * se;
    xy += ex * se;
  }
  const [varX, varY, both] = [xx - (x * x) / n, yy - (y * y) / n, xy - (x * y) / n];
  const slope = varX === 0 ? 0 : both / varX;
  return { slope, base: (y - slope * x) / n, alike: varX * varY === 0 ? 0 : both / Math.sqrt(varX * varY) };
}

type Blur = (typeof BLURS)[number];

/** Where and how blurred a row fits the pattern best. */
interface Match {
  alike: number;
  blur: Blur;
  seen: number[];
  slope: number;
  base: number;
  row: readonly number[];
  scale: number;
  shift: number;
}

export interface Proof {
  /** How like its pattern the picture is, from 0 to 1. */
  alike: number;
  /** What this reading leaves unexplained, as a multiple of the best other one's, for the digit that fits worst. */
  worst: number;
}

/** How well bars in a picture fit the digits that they were read as. */
export function proveEan(text: string, picture: Grey, corners: readonly Point[]): Proof {
  // A UPC-A is an EAN-13 that begins with 0.
  const { modules, digits } = patternOf(text.length === 12 ? `0${text}` : text);
  const [from, to] = [(BEYOND - 1) * FINE, (BEYOND + modules.length + 1) * FINE];
  let best: Match | null = null;
  const match = (row: readonly number[], scale: number, shift: number, blurs: readonly Blur[]) => {
    const seen = moved(row, modules.length, shift, scale);
    for (const blur of blurs) {
      const { alike, slope, base } = fit(expected.get(blur) ?? [], seen, from, to);
      if (best === null || alike > best.alike) best = { alike, blur, seen, slope, base, row, scale, shift };
    }
  };
  const expected = new Map(BLURS.map((blur) => [blur, blurred(modules, blur)]));
  for (const share of ROWS) {
    const row = rowOf(picture, corners, share, modules.length);
    for (const scale of SCALES) for (const shift of SHIFTS) match(row, scale, shift, [BLURS[0]]);
  }
  const rough = best as Match | null;
  if (rough === null) return { alike: 0, worst: Infinity };
  for (const more of NEARER)
    for (const further of NEARER)
      match(rough.row, rough.scale + more * 0.01, rough.shift + further * 0.5, BLURS);
  const { alike, blur, seen, slope, base } = (best as Match | null) ?? rough;
  /** What the modules around one digit leave unexplained. */
  const left = (tried: readonly number[], at: number): number => {
    const near = Math.max(0, at - BEYOND);
    const local = blurred(tried.slice(near, at + 7 + BEYOND), blur);
    let sum = 0;
    for (let one = (BEYOND + at - 1) * FINE; one < (BEYOND + at + 8) * FINE; one += 1)
      sum += ((seen[one] ?? 0) - base - slope * (local[one - near * FINE] ?? 0)) ** 2;
    return sum;
  };
  const worst = digits.map(({ from: at, others }) => {
    const own = left(modules, at);
    const other = Math.min(
      ...others.map((one) => left([...modules.slice(0, at), ...one, ...modules.slice(at + 7)], at)),
    );
    return own / other;
  });
  return { alike, worst: Math.max(...worst) };
}

/** So many looks long, what was proved is believed. */
const PROVED_LOOKS = 20;

/** Whether codes are what they were read as. */
export class Proofs {
  private readonly proved = new Map<string, number>();
  private looks = 0;

  /** True for all kinds but EAN, whose bars are measured. */
  holds(format: CodeFormat, text: string, picture: Grey, corners: readonly Point[]): boolean {
    if (format !== "ean_13" && format !== "ean_8") return true;
    this.looks += 1;
    const before = this.proved.get(text);
    if (before !== undefined && this.looks - before < PROVED_LOOKS) return true;
    const { alike, worst } = proveEan(text, picture, corners);
    const holds = alike >= LEAST_LIKE && worst <= OTHER_FITS;
    if (holds) this.proved.set(text, this.looks);
    return holds;
  }
}
