/** A pause that ends a code when the scanner sends no suffix, in ms. */
const PAUSE_MS = 100;
/** The same unless the scanner is known to send none: one that stumbles must not have its code torn in two. */
const PATIENT_PAUSE_MS = 800;
/** Scanners type at 7 to 16 ms per key; nobody types whole codes this fast by hand. */
const SCANNER_MS_PER_KEY = 45;
/** Keys that were typed in time may be handled late; wait this long for them before believing a pause. */
const GRACE_MS = 30;

/** What came without a pause of `PAUSE_MS` in it, and when, in ms. */
interface Piece {
  text: string;
  firstAt: number;
  lastAt: number;
}

const SUFFIXES = new Set(["Enter", "Tab", "\n", "\r", "\t"]);

export interface WedgeEvents {
  /** A whole code, as typed. */
  onCode: (code: string) => void;
  /** Somebody types by hand, without Enter yet: what there is so far. */
  onSlowTyping: (text: string) => void;
}

/**
 * Turns single keys into codes. A suffix (Enter, Tab, line feed) ends a code whatever the speed; without
 * one, a pause ends it when the keys came at a scanner's speed. Times are the keys' own (event.timeStamp),
 * so a busy page neither merges two scans nor tears one in two. What a short pause means is told by how
 * it ends: with a suffix the pieces are one code that stumbled, with silence each is a code.
 */
export class WedgeReader {
  private pieces: Piece[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly events: WedgeEvents,
    /** Whether the scanner in use ends its codes with a suffix; null: nobody knows yet. */
    private suffixed: boolean | null = null,
  ) {}

  /** Whether the last code had a suffix; null before the first. */
  get hasSuffix(): boolean | null {
    return this.suffixed;
  }

  private get pause(): number {
    return this.suffixed === false ? PAUSE_MS : PATIENT_PAUSE_MS;
  }

  /** True while a code is half typed. */
  get busy(): boolean {
    return this.pieces.length > 0;
  }

  /** Takes one `event.key` at its time in ms; true when it belonged to a code. */
  key(key: string, at: number): boolean {
    if (SUFFIXES.has(key)) return this.end();
    if (lettersOf(key) !== 1) return false;
    this.take(key, at);
    return true;
  }

  /** Takes text that arrived without keys (an input method, an Android scanner service, a paste). */
  text(text: string, at: number): void {
    for (const piece of text.split(/([\r\n\t])/u)) {
      if (piece === "") continue;
      if (SUFFIXES.has(piece)) this.end();
      else this.take(piece, at);
    }
  }

  /** Hands over what is half typed, and forgets it. */
  rest(): string {
    const text = this.pieces.map((piece) => piece.text).join("");
    this.clear();
    return text;
  }

  /** Forgets what is half typed. */
  clear(): void {
    clearTimeout(this.timer);
    this.pieces = [];
  }

  private take(text: string, at: number): void {
    const silence = at - (this.pieces.at(-1)?.lastAt ?? at);
    if (silence >= this.pause) this.judge();
    const piece = this.pieces.at(-1);
    if (piece === undefined || silence >= PAUSE_MS) this.pieces.push({ text, firstAt: at, lastAt: at });
    else {
      piece.text += text;
      piece.lastAt = at;
    }
    this.awaitSilence(this.pause + GRACE_MS);
  }

  private awaitSilence(ms: number): void {
    const due = performance.now() + ms;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      // Late itself: the page was busy, and keys that were typed in time may lie behind this.
      if (performance.now() - due >= GRACE_MS) this.awaitSilence(GRACE_MS);
      else this.judge();
    }, ms);
  }

  private end(): boolean {
    const code = this.rest();
    if (code.trim() === "") return code !== "";
    this.suffixed = true;
    this.events.onCode(code);
    return true;
  }

  /** Silence came: a scanner's codes are whole, what a person types is not. */
  private judge(): void {
    const { pieces } = this;
    const text = this.rest();
    if (text.trim() === "") return;
    if (pieces.every(isFast)) {
      this.suffixed = false;
      for (const piece of pieces) this.events.onCode(piece.text);
    } else this.events.onSlowTyping(text);
  }
}

function isFast({ text, firstAt, lastAt }: Piece): boolean {
  const letters = lettersOf(text);
  return letters > 1 && (lastAt - firstAt) / (letters - 1) <= SCANNER_MS_PER_KEY;
}

/** Code points: a key outside the basic plane is still one key. */
const lettersOf = (text: string): number => Array.from(text).length;
