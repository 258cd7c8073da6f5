import type { Found } from "./found";

/** A code has left the frame when so many looks in a row ... */
const MISSED_LOOKS = 4;
/** ... and so many ms passed without it: one blurred picture is not a new scan. */
const GONE_MS = 1_000;
/** Bars that are half covered can be misread once, hardly twice alike. */
const LINEAR_LOOKS = 2;

interface Seen {
  looks: number;
  missed: number;
  at: number;
  taken: boolean;
}

/** Which codes lie before the camera; each counts once, until it has left the frame. */
export class Presence {
  private readonly seen = new Map<string, Seen>();

  /** Takes one look at time `at` in ms; answers the codes that are sure now and were not taken before. */
  look(found: readonly Found[], at: number): string[] {
    const here = new Set(found.map((one) => one.text));
    for (const [text, one] of this.seen) {
      if (here.has(text)) continue;
      one.missed += 1;
      if (one.missed >= MISSED_LOOKS && at - one.at >= GONE_MS) this.seen.delete(text);
    }
    const fresh: string[] = [];
    for (const { text, linear } of found) {
      const one = this.seen.get(text) ?? { looks: 0, missed: 0, at, taken: false };
      // Twice in one frame is still one code.
      if (here.delete(text)) one.looks += 1;
      one.missed = 0;
      one.at = at;
      this.seen.set(text, one);
      if (!one.taken && one.looks >= (linear ? LINEAR_LOOKS : 1) && !fresh.includes(text)) fresh.push(text);
    }
    return fresh;
  }

  /** These were acted upon, and are ignored until they leave. */
  take(texts: readonly string[]): void {
    for (const text of texts) {
      const one = this.seen.get(text);
      if (one !== undefined) one.taken = true;
    }
  }
}
