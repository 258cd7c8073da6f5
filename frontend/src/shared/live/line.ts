import { alone, authorized, currentSession } from "@/shared/api/session";
import { reader, type Message } from "./messages";

/** The server says something every 15 s; after so long without a word the line counts as dead, in ms. */
const SILENCE_MS = 25_000;
/** Waits between tries, in ms: the last one for ever. */
const WAITS = [300, 1_000, 2_000, 3_000] as const;
/**
 * A page that nobody looks at lets go of the line after this long, in ms, and goes on where it was when
 * somebody looks again: a browser has few lines to a server, and tabs are many.
 */
const UNSEEN_MS = 20_000;

/** Whether the line stands, and since when it does or does not (ms, as Date.now). */
export interface LineState {
  up: boolean;
  since: number;
}

export interface Listener {
  onMessage: (message: Message) => void;
  onState: (state: LineState) => void;
}

/** What the tab that has the stream says to the others. */
type Word = { message: Message } | { up: boolean } | { hello: true };

/**
 * The live stream of one view, one for all tabs of a user: a browser has six lines to a server, and the seventh tab
 * would wait for ever. Whichever tab has the lock reads; the others hear from it. It is fetched with the bearer header, which an EventSource could not
 * send, and comes back with the id of the last message, so that nothing is missed or told twice.
 */
export class Line {
  state: LineState = { up: false, since: Date.now() };
  private listeners = new Set<Listener>();
  private name = "";
  private seen: string | null = null;
  private abort: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private unseen: ReturnType<typeof setTimeout> | undefined;
  private tries = 0;
  private channel: BroadcastChannel | null = null;
  /** This tab reads for all. */
  private reads = false;
  /** The figures as last told, for a tab that comes later. */
  private figures: Message | null = null;

  constructor(private readonly path: string) {}

  add(listener: Listener): () => void {
    this.listeners.add(listener);
    if (this.listeners.size === 1) this.begin();
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.end();
    };
  }

  private begin(): void {
    const session = currentSession();
    const whose = session.status === "signed-in" ? session.user.id : 0;
    this.name = `tracetrack-line-${whose}-${this.path}`;
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel(this.name) : null;
    if (this.channel !== null) this.channel.onmessage = (event: MessageEvent<Word>) => this.hear(event.data);
    this.say({ hello: true });
    addEventListener("online", this.hurry);
    document.addEventListener("visibilitychange", this.look);
    this.connect();
  }

  private say(word: Word): void {
    this.channel?.postMessage(word);
  }

  private hear(word: Word): void {
    if ("hello" in word) {
      if (!this.reads) return;
      this.say({ up: this.state.up });
      if (this.figures !== null) this.say({ message: this.figures });
    } else if (this.reads) return;
    else if ("message" in word) this.take(word.message);
    else this.show(word.up);
  }

  private end(): void {
    this.channel?.close();
    this.channel = null;
    this.figures = null;
    removeEventListener("online", this.hurry);
    document.removeEventListener("visibilitychange", this.look);
    this.hangUp();
    // Whoever comes later asks for everything: what was missed until then is nothing to tell.
    this.seen = null;
  }

  private hangUp(): void {
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    clearTimeout(this.unseen);
    this.abort?.abort();
    this.abort = null;
  }

  private readonly hurry = () => {
    if (this.state.up) return;
    this.tries = 0;
    this.hangUp();
    this.connect();
  };

  private readonly look = () => {
    clearTimeout(this.unseen);
    if (document.visibilityState === "hidden") {
      this.unseen = setTimeout(() => {
        this.hangUp();
        this.show(false);
      }, UNSEEN_MS);
    } else if (this.abort === null) this.hurry();
  };

  private connect(): void {
    const abort = new AbortController();
    this.abort = abort;
    void alone(this.name, () => this.readForAll(abort.signal), abort.signal)
      .catch(() => undefined)
      .then(() => {
        if (this.abort !== abort) return;
        this.abort = null;
        this.show(false);
        clearTimeout(this.silence);
        const wait = WAITS[Math.min(this.tries++, WAITS.length - 1)] ?? 0;
        // Not all at once: a server that starts again has them all come back.
        this.timer = setTimeout(() => this.connect(), wait * (0.5 + Math.random()));
      });
  }

  private async readForAll(signal: AbortSignal): Promise<void> {
    this.reads = true;
    try {
      await this.read(signal);
    } finally {
      this.reads = false;
      this.say({ up: false });
    }
  }

  private async read(signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (this.seen !== null) headers["Last-Event-ID"] = this.seen;
    const response = await authorized(new Request(this.path, { headers, cache: "no-store" }));
    const body = response.body;
    if (!response.ok || body === null || signal.aborted) return void body?.cancel();
    const pieces = body.getReader();
    const cut = () => void pieces.cancel().catch(() => undefined);
    signal.addEventListener("abort", cut);
    const decoder = new TextDecoder();
    const take = reader((message) => {
      this.say({ message });
      this.take(message);
    });
    for (;;) {
      clearTimeout(this.silence);
      this.silence = setTimeout(cut, SILENCE_MS);
      const { value, done } = await pieces.read();
      if (done) return;
      take(decoder.decode(value, { stream: true }));
    }
  }

  private take(message: Message): void {
    if (message.kind === "summary") this.figures = message;
    this.seen = message.id === "" ? this.seen : message.id;
    this.tries = 0;
    this.show(true);
    for (const listener of this.listeners) listener.onMessage(message);
  }

  private show(up: boolean): void {
    if (this.state.up === up) return;
    this.state = { up, since: Date.now() };
    for (const listener of this.listeners) listener.onState(this.state);
  }
}
