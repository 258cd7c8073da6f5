import { learnedScanner, type Learned } from "./learned";
import { arrivedText, readStrokes, typedText, type Stroke } from "./strokes";

/** A pause that ends a code when the scanner sends no suffix, in ms. */
const PAUSE_MS = 100;
/** The same unless the scanner is known to send none: one that stumbles must not have its code torn in two. */
const PATIENT_PAUSE_MS = 800;
/** Scanners type at 7 to 16 ms per key; nobody types whole codes this fast by hand. */
const SCANNER_MS_PER_KEY = 45;
/** Keys that were typed in time may be handled late; wait this long for them before believing a pause. */
const GRACE_MS = 30;
/**
 * After a suffix, a code may go on: a label of several lines. So many of the scanner's own intervals are waited for, within
 * these bounds in ms. No scanner reads two labels within 50 ms.
 */
const HOLD_INTERVALS = 3;
const SHORTEST_HOLD_MS = 25;
const LONGEST_HOLD_MS = 50;

/** What came without a pause of `PAUSE_MS` in it, and when, in ms. */
interface Piece {
  strokes: Stroke[];
  firstAt: number;
  lastAt: number;
}

export interface WedgeEvents {
  /** A whole code, as on the label. */
  onCode: (code: string) => void;
  /** A scanner's keys of which nobody can tell what they were; as they arrived. */
  onGarbled: (text: string) => void;
  /** Somebody types by hand, without Enter yet: what there is so far. */
  onSlowTyping: (text: string) => void;
}

const isLineEnd = (text: string): text is "\n" | "\t" | "\r" =>
  text === "\n" || text === "\t" || text === "\r";

/**
 * Turns single keys into codes. A suffix (Enter, Tab, line feed) ends a code whatever the speed, unless more follows as
 * quickly as the scanner types; without one, a pause ends it when the keys came at a scanner's speed. Times are the keys'
 * own (event.timeStamp), so a busy page neither merges two scans nor tears one in two. What a short pause means is told by
 * how it ends: with a suffix the pieces are one code that stumbled, with silence each is a code.
 */
export class WedgeReader {
  private pieces: Piece[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** A suffix came: which, when, and how long what follows belongs to the same label. */
  private ended: { by: string; at: number; holdMs: number; byScanner: boolean } | null = null;

  constructor(
    private readonly events: WedgeEvents,
    /** Whether the scanner in use ends its codes with a suffix; null: nobody knows yet. */
    private suffixed: boolean | null = null,
    private readonly learned: () => Learned = learnedScanner,
  ) {}

  /** Single keys are acts of the page: no pause is waited for longer than it must. */
  quick = false;

  /** Whether the last code had a suffix; null before the first. */
  get hasSuffix(): boolean | null {
    return this.suffixed;
  }

  private get pause(): number {
    return this.suffixed === false || this.quick ? PAUSE_MS : PATIENT_PAUSE_MS;
  }

  /** True while a code is half typed. */
  get busy(): boolean {
    return this.pieces.length > 0;
  }

  /** Whether what is half typed may be a scanner's; of one key alone nobody can tell. */
  get maybeScanner(): boolean {
    // Somebody who types slowly makes a piece of each key.
    const single = this.pieces.filter(({ strokes }) => strokes.length === 1).length;
    const tooMany = this.pieces.length > 1 && 2 * single > this.pieces.length;
    return this.busy && !tooMany && this.pieces.every((piece) => this.isQuick(piece));
  }

  /** When the last key came; never, if no code is half typed. */
  get lastAt(): number {
    return this.ended?.at ?? this.pieces.at(-1)?.lastAt ?? -Infinity;
  }

  /** Keys so far and the ms between them, with one more at `at`: how quickly somebody types. */
  pace(at: number): { keys: number; msPerKey: number } {
    const keys = this.pieces.reduce((sum, { strokes }) => sum + strokes.length, 0);
    return { keys, msPerKey: keys === 0 ? Infinity : (at - (this.pieces[0]?.firstAt ?? at)) / keys };
  }

  /** Takes one character; a suffix is taken only where a code is half typed. True when it belongs to a code. */
  press(stroke: Stroke, at: number): boolean {
    if (stroke.key !== null && isLineEnd(stroke.key)) return this.end(stroke.key, at);
    this.take([stroke], at);
    return true;
  }

  /** Takes text that arrived without keys (an input method, an Android scanner service, a paste). */
  text(text: string, at: number): void {
    for (const piece of text.split(/([\r\n\t])/u)) {
      if (isLineEnd(piece)) this.end(piece === "\t" ? "\t" : "\n", at);
      else if (piece !== "")
        this.take(
          Array.from(piece, (key) => ({ key, us: null })),
          at,
        );
    }
  }

  /** Delivers a code whose suffix has come without waiting for more of it. */
  complete(): void {
    if (this.ended !== null) this.finish();
  }

  /** Ends a code whose suffix has come; hands over what is only half typed, and forgets it. */
  settle(): string {
    this.complete();
    const text = this.pieces.map((piece) => typedText(piece.strokes)).join("");
    this.clear();
    return text;
  }

  /** Forgets what is half typed. */
  clear(): void {
    clearTimeout(this.timer);
    this.pieces = [];
    this.ended = null;
  }

  /** Ends what was over before `at`: on a busy page the next label's keys may be handled before the timer. */
  flush(at: number): void {
    if (this.ended !== null) {
      if (at - this.ended.at > this.ended.holdMs) this.finish();
    } else if (this.busy && at - this.lastAt >= this.pause) this.judge();
  }

  /** Another character is on its way: a busy page may handle its keys later than a pause. */
  goOn(): void {
    if (this.busy && this.ended === null) this.await(this.pause + GRACE_MS, () => this.judge());
  }

  private take(strokes: readonly Stroke[], at: number): void {
    this.flush(at);
    if (this.ended !== null) {
      const { by } = this.ended;
      this.ended = null;
      this.pieces.at(-1)?.strokes.push({ key: by, us: by });
    }
    const silence = at - (this.pieces.at(-1)?.lastAt ?? at);
    const piece = this.pieces.at(-1);
    if (piece === undefined || silence >= PAUSE_MS)
      this.pieces.push({ strokes: [...strokes], firstAt: at, lastAt: at });
    else {
      piece.strokes.push(...strokes);
      piece.lastAt = at;
    }
    this.await(this.pause + GRACE_MS, () => this.judge());
  }

  private await(ms: number, act: () => void): void {
    const due = performance.now() + ms;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      // Late itself: the page was busy, and keys that were typed in time may lie behind this.
      if (performance.now() - due >= GRACE_MS) this.await(GRACE_MS, act);
      else act();
    }, ms);
  }

  private end(by: string, at: number): boolean {
    if (this.ended !== null) this.flush(at);
    if (!this.busy) return false;
    const strokes = this.pieces.flatMap((piece) => piece.strokes);
    if (typedText(strokes).trim() === "" && !strokes.some(({ moves }) => moves)) {
      this.clear();
      return true;
    }
    const { msPerKey } = this.pace(at);
    const own = Math.min(LONGEST_HOLD_MS, Math.max(SHORTEST_HOLD_MS, HOLD_INTERVALS * msPerKey));
    // The first of CR LF is what was between two lines.
    const byScanner = this.isByScanner(at);
    this.ended = { by: this.ended?.by ?? by, at, holdMs: Math.max(own, this.slowest), byScanner };
    this.await(this.ended.holdMs, () => this.finish());
    return true;
  }

  /** A scanner that was found to be slower than others is given its time, in ms. */
  private get slowest(): number {
    const ms = this.learned().msPerKey;
    return ms !== null && ms > SCANNER_MS_PER_KEY / 2 ? 2 * ms : 0;
  }

  /** Nothing followed the suffix: all pieces are one code. */
  private finish(): void {
    const { pieces } = this;
    const byScanner = this.ended?.byScanner === true;
    this.clear();
    if (pieces.length === 0) return;
    this.suffixed = true;
    const strokes = pieces.flatMap((piece) => piece.strokes);
    // By hand, the computer's characters are what was meant.
    if (byScanner) this.give(strokes);
    else if (typedText(strokes).trim() !== "") this.events.onCode(typedText(strokes));
  }

  private give(strokes: readonly Stroke[]): void {
    const { layout, prefix, suffix } = this.learned();
    const text = readStrokes(strokes, layout);
    if (text === null) return this.events.onGarbled(arrivedText(strokes));
    const from = prefix !== "" && text.startsWith(prefix) ? prefix.length : 0;
    const to = suffix !== "" && text.endsWith(suffix) ? -suffix.length : undefined;
    this.events.onCode(text.slice(from, to));
  }

  /** Silence came: a scanner's codes are whole, what a person types is not. */
  private judge(): void {
    const { pieces } = this;
    this.clear();
    const text = pieces.map(({ strokes }) => typedText(strokes)).join("");
    if (pieces.every((piece) => piece.strokes.length > 1 && this.isQuick(piece))) {
      if (pieces.length === 0 || (text.trim() === "" && !pieces.some(hasMoves))) return;
      this.suffixed = false;
      for (const piece of pieces) this.give(piece.strokes);
    } else if (text.trim() !== "") this.events.onSlowTyping(text);
  }

  /** Whether what a suffix at `at` ends came from a scanner, which may have stumbled. */
  private isByScanner(at: number): boolean {
    const [only, ...more] = this.pieces;
    if (only === undefined) return false;
    if (more.length === 0 && only.strokes.length === 1) return at - only.lastAt <= SCANNER_MS_PER_KEY;
    return this.maybeScanner;
  }

  private isQuick({ strokes, firstAt, lastAt }: Piece): boolean {
    const limit = Math.max(SCANNER_MS_PER_KEY, this.slowest);
    return (lastAt - firstAt) / Math.max(1, strokes.length - 1) <= limit;
  }
}

const hasMoves = ({ strokes }: Piece): boolean => strokes.some(({ moves }) => moves === true);
