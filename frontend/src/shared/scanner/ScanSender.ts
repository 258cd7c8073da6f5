import { ApiProblem, Unreachable } from "@/shared/api/problems";
import type { Problem } from "@/shared/api/types";
import { backoffMs } from "@/shared/queue/backoff";
import { cleanCode, newId } from "@/shared/queue/codes";

/** A scan that has no answer yet. */
export interface WaitingScan {
  scan_id: string;
  code: string;
  scanned_at: string;
}

export interface SenderEvents<Answer> {
  onAnswer: (scan: WaitingScan, answer: Answer) => void;
  onRefused: (scan: WaitingScan, problem: Problem) => void;
  onWaiting: (waiting: readonly WaitingScan[], linkDown: boolean) => void;
}

type Keep = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** Answers that say "not now" rather than "no": the same scan is sent again, safe by its id. */
const passing = (problem: Problem): boolean =>
  problem.status === 401 || problem.status === 429 || problem.status >= 500;

/**
 * Sends the scans at one thing (a bill, a receipt, a return) in their order, one at a time. A lost answer is asked for again with the
 * same scan id; what waits survives a reload of the page.
 */
export class ScanSender<Answer> {
  private waiting: WaitingScan[];
  private sending = false;
  private stopped = false;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly key: string,
    private readonly call: (scan: WaitingScan) => Promise<Answer>,
    private readonly events: SenderEvents<Answer>,
    private readonly keep: Keep = sessionStorage,
  ) {
    this.waiting = this.kept();
  }

  start(): void {
    this.stopped = false;
    this.tell();
    void this.pump();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /** Takes a scan; null when there is nothing on the label. */
  add(text: string): WaitingScan | null {
    const code = cleanCode(text);
    if (code === "") return null;
    const scan = { scan_id: newId(), code, scanned_at: new Date().toISOString() };
    this.waiting.push(scan);
    this.tell();
    void this.pump();
    return scan;
  }

  /** The network is said to be back. */
  hurry(): void {
    clearTimeout(this.timer);
    void this.pump();
  }

  private async pump(): Promise<void> {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let scan = this.waiting[0]; scan !== undefined && !this.stopped; scan = this.waiting[0]) {
        if (!(await this.send(scan))) return;
      }
    } finally {
      this.sending = false;
    }
  }

  /** False when it has to be tried again later. */
  private async send(scan: WaitingScan): Promise<boolean> {
    let told: () => void;
    try {
      const answer = await this.call(scan);
      told = () => this.events.onAnswer(scan, answer);
    } catch (error) {
      if (!(error instanceof ApiProblem) || passing(error.problem)) {
        this.later(error);
        return false;
      }
      told = () => this.events.onRefused(scan, error.problem);
    }
    this.failures = 0;
    this.waiting = this.waiting.filter((one) => one !== scan);
    this.tell();
    told();
    return true;
  }

  private later(error: unknown): void {
    this.failures += 1;
    this.tell();
    if (this.stopped) return;
    const retryAfter = error instanceof ApiProblem ? error.retryAfter : null;
    this.timer = setTimeout(() => void this.pump(), backoffMs(this.failures, retryAfter));
    if (!(error instanceof ApiProblem) && !(error instanceof Unreachable)) console.error(error);
  }

  private tell(): void {
    if (this.waiting.length === 0) this.keep.removeItem(this.key);
    else this.keep.setItem(this.key, JSON.stringify(this.waiting));
    this.events.onWaiting([...this.waiting], this.failures > 0);
  }

  private kept(): WaitingScan[] {
    try {
      const found: unknown = JSON.parse(this.keep.getItem(this.key) ?? "[]");
      return Array.isArray(found) ? (found as WaitingScan[]) : [];
    } catch {
      return [];
    }
  }
}
