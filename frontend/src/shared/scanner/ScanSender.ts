import { ApiProblem, Unreachable } from "@/shared/api/problems";
import type { Problem } from "@/shared/api/types";
import { backoffMs } from "@/shared/queue/backoff";
import { cleanCode, newId } from "@/shared/queue/codes";
import { isPassing } from "@/shared/queue/queue";

/** A scan that has no answer yet. */
export interface WaitingScan {
  scan_id: string;
  code: string;
  scanned_at: string;
}

export interface SenderEvents<Answer> {
  onAnswer: (scan: WaitingScan, answer: Answer) => void;
  onRefused: (scan: WaitingScan, problem: Problem) => void;
  /** Refused before this page was opened, and not yet seen by anybody. */
  onLeft: (scan: WaitingScan, problem: Problem) => void;
  onWaiting: (waiting: readonly WaitingScan[], linkDown: boolean) => void;
}

/** Where scans are kept until they are answered or their refusal was seen: over a reload, a crash, a night. */
export interface Keep {
  load: () => Promise<(WaitingScan & { problem?: Problem })[]>;
  put: (scan: WaitingScan, problem?: Problem) => Promise<void>;
  drop: (scanId: string) => Promise<void>;
}

/** Answers that say "not now" rather than "no": the same scan is sent again, safe by its id. */
const passing = (problem: Problem): boolean => problem.status === 401 || isPassing(problem);

/**
 * Sends the scans at one thing (a bill, a receipt, a return) in their order, one at a time. A lost answer is
 * asked for again with the same scan id.
 */
export class ScanSender<Answer> {
  private waiting: WaitingScan[] = [];
  private sending = false;
  private stopped = false;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private loaded: Promise<void> | null = null;

  constructor(
    private readonly call: (scan: WaitingScan) => Promise<Answer>,
    private readonly events: SenderEvents<Answer>,
    private readonly keep: Keep,
  ) {}

  start(): void {
    this.stopped = false;
    this.loaded ??= this.load();
    this.tell();
    void this.pump();
  }

  private async load(): Promise<void> {
    const kept = await this.keep.load().catch(unkept);
    for (const { problem, ...scan } of kept ?? [])
      if (problem !== undefined) this.events.onLeft(scan, problem);
    const before = (kept ?? []).filter((scan) => scan.problem === undefined);
    const known = new Set(this.waiting.map((scan) => scan.scan_id));
    this.waiting.unshift(...before.filter((scan) => !known.has(scan.scan_id)));
    this.tell();
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
    void this.keep.put(scan).catch(unkept);
    this.tell();
    void this.pump();
    return scan;
  }

  /** Somebody has seen the refusal. */
  seen(scanId: string): void {
    void this.keep.drop(scanId).catch(unkept);
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
      await this.loaded;
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
      void this.keep.drop(scan.scan_id).catch(unkept);
    } catch (error) {
      if (!(error instanceof ApiProblem) || passing(error.problem)) {
        this.later(error);
        return false;
      }
      told = () => this.events.onRefused(scan, error.problem);
      void this.keep.put(scan, error.problem).catch(unkept);
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
    const told = error instanceof ApiProblem || error instanceof Unreachable;
    const retryAfter = told ? error.retryAfter : null;
    this.timer = setTimeout(() => void this.pump(), backoffMs(this.failures, retryAfter));
    if (!told) console.error(error);
  }

  private tell(): void {
    this.events.onWaiting([...this.waiting], this.failures > 0);
  }
}

/** A browser with no room: what waits is on screen, and lives as long as the page. */
const unkept = (error: unknown): void => console.error(error);
