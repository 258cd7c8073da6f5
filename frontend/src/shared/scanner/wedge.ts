/** A pause that ends a code when the scanner sends no suffix, in ms. */
const PAUSE_MS = 100;
/** The same after a code that had a suffix: a scanner that stumbles must not have its code torn in two. */
const PATIENT_PAUSE_MS = 800;
/** Scanners type at 7 to 16 ms per key; nobody types whole codes this fast by hand. */
const SCANNER_MS_PER_KEY = 45;
/** Keys that were typed in time may be handled late; wait this long for them before believing a pause. */
const GRACE_MS = 30;

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
 * so a busy page neither merges two scans nor tears one in two.
 */
export class WedgeReader {
  private buffer = "";
  private firstAt = 0;
  private lastAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly events: WedgeEvents,
    /** Whether the scanner in use is known to end its codes with a suffix. */
    private suffixed = false,
  ) {}

  /** Whether the last code had a suffix. */
  get hasSuffix(): boolean {
    return this.suffixed;
  }

  private get pause(): number {
    return this.suffixed ? PATIENT_PAUSE_MS : PAUSE_MS;
  }

  /** True while a code is half typed. */
  get busy(): boolean {
    return this.buffer !== "";
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
    const text = this.buffer;
    this.clear();
    return text;
  }

  /** Forgets what is half typed. */
  clear(): void {
    clearTimeout(this.timer);
    this.buffer = "";
  }

  private take(text: string, at: number): void {
    if (this.buffer !== "" && at - this.lastAt >= this.pause) this.judge();
    if (this.buffer === "") this.firstAt = at;
    this.buffer += text;
    this.lastAt = at;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = setTimeout(() => this.judge(), GRACE_MS);
    }, this.pause);
  }

  private end(): boolean {
    const code = this.buffer;
    this.clear();
    if (code.trim() === "") return code !== "";
    this.suffixed = true;
    this.events.onCode(code);
    return true;
  }

  /** A pause came: a scanner's code is whole, a person's is not. */
  private judge(): void {
    const text = this.buffer;
    const letters = lettersOf(text);
    const fast = letters > 1 && (this.lastAt - this.firstAt) / (letters - 1) <= SCANNER_MS_PER_KEY;
    this.clear();
    if (text.trim() === "") return;
    if (fast) {
      this.suffixed = false;
      this.events.onCode(text);
    } else this.events.onSlowTyping(text);
  }
}

/** Code points: a key outside the basic plane is still one key. */
const lettersOf = (text: string): number => Array.from(text).length;
