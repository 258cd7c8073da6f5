import type { Found, Point } from "./found";

/** A code has left the frame when so many looks in a row ... */
const MISSED_LOOKS = 4;
/** ... and so many ms passed without it: one blurred picture is not a new scan. */
const GONE_MS = 1_000;
/** Bars that are half covered can be misread once, hardly twice alike one after the other. */
const LINEAR_LOOKS = 2;
/** Where other bars were read lately, one of the two is a misreading: the new one must be seen so often in a row. */
const DOUBTED_LOOKS = 6;
/** A code that was not seen for so long, in ms, is no longer beside others. */
const BESIDE_MS = 500;
/** What is in the frame must have been the same for so long, in ms, where much depends on it. */
const STILL_MS = 500;

interface Seen {
  linear: boolean;
  /** Looks in a row. */
  streak: number;
  missed: number;
  at: number;
  taken: boolean;
  spot: Spot | null;
  /** Looks in a row with two of it. */
  doubled: number;
}

/** Where a code is: its middle and half of its size. */
interface Spot {
  x: number;
  y: number;
  across: number;
  down: number;
}

/** What one look at the frame comes to. */
export interface Sight {
  /** Sure now, and not taken before. */
  fresh: string[];
  /** All codes of now, those that are not sure yet included. */
  beside: string[];
  /** Those of them that are not sure yet. */
  unsure: string[];
  /** Nothing has come or gone for a while. */
  still: boolean;
  /** Codes that are on two labels. */
  twice: string[];
}

/** Which codes lie before the camera; each counts once, until it has left the frame. */
export class Presence {
  private readonly seen = new Map<string, Seen>();
  private beside: readonly string[] = [];
  private changedAt = -Infinity;

  /** Takes one look at time `at` in ms. */
  look(found: readonly Found[], at: number): Sight {
    const here = new Map<string, Found[]>();
    for (const one of found) here.set(one.text, [...(here.get(one.text) ?? []), one]);
    for (const [text, one] of this.seen) {
      if (here.has(text)) continue;
      one.missed += 1;
      one.streak = 0;
      one.doubled = 0;
      if (one.missed >= MISSED_LOOKS && at - one.at >= GONE_MS) this.seen.delete(text);
    }
    const fresh: string[] = [];
    for (const [text, labels] of here) {
      const [first] = labels;
      if (first === undefined) continue;
      const spot = spotOf(first.corners);
      const before = this.seen.get(text);
      const one: Seen = before ?? { ...UNSEEN, linear: first.linear };
      // Two bar codes on one spot are never both true.
      const contested =
        one.linear && !one.taken && found.some((other) => isRival(text, spot, other, spotOf(other.corners)));
      one.streak = contested ? 0 : one.streak + 1;
      const apart = labels.some((other) => isApart(spot, spotOf(other.corners)));
      one.doubled = apart ? one.doubled + 1 : 0;
      Object.assign(one, { missed: 0, at, spot });
      this.seen.set(text, one);
      if (one.taken || contested) continue;
      const looks = !one.linear ? 1 : this.isDoubted(text, spot) ? DOUBTED_LOOKS : LINEAR_LOOKS;
      if (one.streak >= looks) fresh.push(text);
    }
    const around = this.around(at);
    const unsure = around.beside.filter(
      (text) => !fresh.includes(text) && this.seen.get(text)?.taken === false,
    );
    return { fresh, unsure, ...around };
  }

  private around(at: number): Pick<Sight, "beside" | "still" | "twice"> {
    const beside = [...this.seen].filter(([, one]) => at - one.at < BESIDE_MS).map(([text]) => text);
    const same = beside.length === this.beside.length && beside.every((text) => this.beside.includes(text));
    if (!same) this.changedAt = at;
    this.beside = beside;
    return {
      beside,
      still: at - this.changedAt >= STILL_MS,
      twice: [...this.seen].filter(([, one]) => one.doubled >= 2).map(([text]) => text),
    };
  }

  /** Other bars were read on this spot, and have not left. */
  private isDoubted(text: string, spot: Spot | null): boolean {
    return [...this.seen].some(([other, one]) => other !== text && one.linear && isOn(spot, one.spot));
  }

  /** These were acted upon, and are ignored until they leave. */
  take(texts: readonly string[]): void {
    for (const text of texts) {
      const one = this.seen.get(text);
      if (one !== undefined) one.taken = true;
    }
  }
}

const UNSEEN: Omit<Seen, "linear"> = { streak: 0, missed: 0, at: 0, taken: false, spot: null, doubled: 0 };

function spotOf(corners: readonly Point[]): Spot | null {
  if (corners.length === 0) return null;
  const xs = corners.map(({ x }) => x);
  const ys = corners.map(({ y }) => y);
  const middle = (of: number[]) => (Math.min(...of) + Math.max(...of)) / 2;
  const half = (of: number[]) => (Math.max(...of) - Math.min(...of)) / 2;
  return { x: middle(xs), y: middle(ys), across: half(xs), down: half(ys) };
}

/** The middle of the one is within the other; a row of bars may be a line without height. */
function isOn(one: Spot | null, other: Spot | null): boolean {
  if (one === null || other === null) return false;
  const wide = Math.max(one.across, other.across);
  const high = Math.max(one.down, other.down, wide / 4);
  return Math.abs(one.x - other.x) < wide && Math.abs(one.y - other.y) < high;
}

/** Two labels, not two readings of one. */
function isApart(one: Spot | null, other: Spot | null): boolean {
  if (one === null || other === null) return false;
  return (
    Math.abs(one.x - other.x) > one.across + other.across ||
    Math.abs(one.y - other.y) > one.down + other.down + one.across / 2
  );
}

const isRival = (text: string, spot: Spot | null, other: Found, otherSpot: Spot | null): boolean =>
  other.text !== text && other.linear && isOn(spot, otherSpot);
