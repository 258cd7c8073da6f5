import type { Bag, BagRef, Problem } from "@/shared/api/types";
import { backoffMs } from "./backoff";
import { codeKey, newId } from "./codes";
import { findGaps } from "./gaps";
import type { Kind, NewScan, ScanAnswer, ScanRecord } from "./records";
import type { AskArrived, Deliver, Obstacle } from "./send";
import { isKept, type ScanStore } from "./store";

/** Scans in one call. Small enough that a weak link gets one through, large enough for a backlog. */
const BATCH = 100;
/** Shown and kept in memory; what waits or was refused is always shown. */
const KEEP = 60;

/** An answer that takes longer than this is shown as waiting, in ms; it may still come. */
const SLOW_MS = 4_000;
/** So many scans in a row that the server fails on mean that the server is ill, not the scans. */
const ILL = 3;
/** After so long a silence, in ms, the server may be another, or restored from a backup. */
const GAP_MS = 10_000;
/** Old settled scans are forgotten each time so many have been answered. */
const PRUNE_EVERY = 100;
/** The server asks what a scan means: the worker's answer releases what follows it. */
const QUESTIONS = new Set(["kind_uncertain", "parent_completed"]);
const PASSING_CODES = new Set(["busy", "too_many_requests", "internal_error"]);

export type LinkState = "up" | "down" | "locked";

export interface QueueView {
  /** Oldest first. */
  scans: readonly ScanRecord[];
  waiting: number;
  /** Of those, the ones held back by a question, or because the server fails on one before them. */
  held: number;
  /** Scans that the server asks about. */
  asked: readonly ScanRecord[];
  /** The last scan of this tab's chain; null where the next one begins a chain; undefined: not known yet. */
  head: string | null | undefined;
  /** Refusals that nobody has dealt with yet. */
  refused: readonly ScanRecord[];
  link: LinkState;
}

export interface QueueParts {
  store: ScanStore;
  userId: number;
  deliver: Deliver;
  /** Asks what the server has from this device; without it, gaps are not looked for. */
  askArrived?: AskArrived;
  /** Runs `work` while no other tab of this user sends. */
  alone?: (name: string, work: () => Promise<void>) => Promise<void>;
  /** Tells the other tabs of this browser what became of a scan. */
  tell?: (news: News) => void;
  /** Keeps the head of this tab's chain over a reload; undefined where nothing is kept. */
  place?: { read: () => string | null | undefined; write: (head: string | null) => void };
  now?: () => Date;
  random?: () => number;
}

/** `here`: made in this tab, or before it was opened; another tab tells of its own. */
export type Answered = (scan: ScanRecord, answer: ScanAnswer, here: boolean) => void;

/** A scan as it is now, for the other tabs; with the server's word when it has just come. */
export interface News {
  scan: ScanRecord;
  answer?: ScanAnswer | undefined;
  /** The tab that made the scan says so itself, wherever it was sent from. */
  from: string;
}

/** A queue before its store is open. */
export const nothing: QueueView = {
  scans: [],
  waiting: 0,
  held: 0,
  asked: [],
  head: undefined,
  refused: [],
  link: "up",
};

/**
 * The scans of one user on this device: stored first, then sent in order until the server has
 * answered each one. It never drops a scan: only an answer or the worker ends its waiting.
 */
export class ScanQueue {
  private scans: ScanRecord[] = [];
  private link: LinkState = "up";
  private view: QueueView = nothing;
  private head: string | null | undefined;
  /** The parent that the server has open after a scan, by the scan's id. */
  private readonly openAfter = new Map<string, BagRef | null>();
  /** The server's last word on each parent. */
  private readonly cards = new Map<number, Bag>();
  /** Scans whose missing predecessor was sent once more. */
  private readonly mended = new Set<string>();
  private readonly tab = newId();
  /** Scans that other tabs made while this one was open. */
  private readonly foreign = new Set<string>();
  /** Big bags whose next scan the server fails on: how often, and when it may be tried again. */
  private readonly lanes = new Map<string, { failures: number; until: number }>();
  private laneTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly watchers = new Set<() => void>();
  private readonly answerWatchers = new Set<Answered>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private draining: Promise<void> | null = null;
  private again = false;
  private failures = 0;
  /** The server asked to be left alone until then, in ms since 1970. */
  private notBefore = 0;
  /** A batch the server could not judge as a whole is sent one by one. */
  private oneByOne = 0;
  /** Not yet asked what the server has: at the start, and after each long silence. */
  private unsure = true;
  private silentSince: number | null = null;
  private answered = PRUNE_EVERY;
  private closed = false;

  constructor(private readonly parts: QueueParts) {}

  readonly snapshot = (): QueueView => this.view;

  readonly subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** Tells of each answer before the view changes, so that a count never jumps twice. */
  onAnswer(watcher: Answered): () => void {
    this.answerWatchers.add(watcher);
    return () => this.answerWatchers.delete(watcher);
  }

  /** Reads what an earlier page, or another tab, left behind. */
  async load(): Promise<void> {
    const stored = await this.parts.store.load(this.parts.userId);
    const kept = this.head === undefined ? this.parts.place?.read() : null;
    if (kept != null && !stored.some((scan) => scan.scanId === kept)) {
      // Other tabs may have scanned so much since that it is not among the newest.
      const own = await this.parts.store.find(kept);
      if (own?.userId === this.parts.userId) stored.unshift(own);
    }
    const unsaved = this.scans.filter((scan) => !stored.some((other) => other.scanId === scan.scanId));
    this.scans = [...stored, ...unsaved];
    for (const scan of [...stored].reverse()) {
      if (scan.open !== undefined) this.openAfter.set(scan.scanId, scan.open);
      if (scan.card !== undefined && !this.cards.has(scan.card.id)) this.cards.set(scan.card.id, scan.card);
    }
    this.head ??= this.keptHead();
    this.show();
  }

  /** Where an earlier page of this tab left its chain; else behind what waits, in order. */
  private keptHead(): string | null | undefined {
    const kept = this.parts.place?.read();
    if (kept === null) return null;
    if (kept !== undefined && (this.openAfter.has(kept) || this.scans.some((scan) => scan.scanId === kept)))
      return kept;
    return this.scans.findLast((scan) => scan.state === "waiting" && scan.action !== "discard")?.scanId;
  }

  /** Goes on from this scan, after which the server has this parent open. */
  continueFrom(scanId: string | null, parent: Bag | null): void {
    if (scanId !== null) this.openAfter.set(scanId, parent);
    if (parent !== null) this.learn(parent);
    this.goTo(scanId);
  }

  /** Nobody can be asked: goes on from the last scan of this device whose outcome is known. */
  continueAlone(): void {
    this.goTo(this.scans.findLast((scan) => scan.open !== undefined)?.scanId ?? null);
  }

  /** The next scan begins a chain, with no parent open. */
  begin(): void {
    this.goTo(null);
  }

  private goTo(head: string | null): void {
    this.head = head;
    this.parts.place?.write(head);
    this.show();
  }

  /** The parent that is open after a scan; undefined where the server has not said. */
  readonly opened = (scanId: string | null): BagRef | null | undefined =>
    scanId === null ? null : this.openAfter.get(scanId);

  /** The server's last word on a parent. */
  readonly card = (id: number): Bag | undefined => this.cards.get(id);

  /** Takes in the server's word on a parent. */
  learn(parent: Bag): void {
    this.cards.set(parent.id, parent);
    this.show();
  }

  /** Stores a scan as the next link of this tab's chain. */
  follow(scan: NewScan): Promise<ScanRecord> {
    let previous = this.head ?? null;
    for (;;) {
      const before = this.scans.find((one) => one.scanId === previous);
      if (before === undefined || isKept(before)) break;
      previous = before.previous ?? null;
    }
    const scanId = newId();
    this.goTo(scanId);
    return this.add({ ...scan, previous }, scanId);
  }

  /** The worker's answer to the server's question: the scan is sent again with it, and what follows goes on. */
  async answer(scan: ScanRecord, as: Kind): Promise<void> {
    await this.settleQuestion(scan, (stored) => ({ ...stored, as }));
  }

  /** Nothing came of a scan that the server asks about; what follows it follows the one before. */
  async drop(scan: ScanRecord): Promise<void> {
    await this.settleQuestion(scan, (stored) => ({ ...stored, state: "withdrawn" }));
  }

  private async settleQuestion(scan: ScanRecord, become: (stored: ScanRecord) => ScanRecord): Promise<void> {
    const changed = await this.parts.store.change(scan.seq, (stored) => {
      if (stored.state !== "waiting" || stored.question === undefined) return null;
      const answered = become(stored);
      delete answered.question;
      return answered;
    });
    if (changed === null) return;
    this.replace(changed);
    this.tell(changed);
    if (this.timer === undefined) void this.send();
  }

  /** Stores a scan, shows it at once and sends it as soon as it can be sent. */
  async add(scan: NewScan, scanId = newId()): Promise<ScanRecord> {
    const fresh: ScanRecord = {
      ...scan,
      seq: Number.MAX_SAFE_INTEGER,
      scanId,
      userId: this.parts.userId,
      deviceId: this.parts.store.deviceId,
      scannedAt: (this.parts.now?.() ?? new Date()).toISOString(),
      state: "waiting",
      attempts: 0,
    };
    this.scans = [...this.scans, fresh];
    this.show();
    try {
      const { seq } = await this.parts.store.add(fresh);
      // Only the number: another tab's or our own sender may have settled it meanwhile.
      this.scans = this.scans.map((scan) => (scan.scanId === fresh.scanId ? { ...scan, seq } : scan));
      this.show();
      this.tell({ ...fresh, seq });
      // While a pause after a failure lasts, another scan is no reason to knock again.
      if (this.timer === undefined) void this.send();
      return { ...fresh, seq };
    } catch {
      // A full or forbidden disk: say so now, rather than lose the scan quietly later.
      const lost: ScanRecord = {
        ...fresh,
        state: "refused",
        kept: false,
        problem: { code: "not_saved", status: 0, title: "", detail: "" },
      };
      this.replace(lost);
      return lost;
    }
  }

  /**
   * Takes back a waiting scan that was never handed to the network. False when it may have had its
   * effect already: then only the server can take it back.
   */
  async withdraw(scan: ScanRecord): Promise<boolean> {
    const changed = await this.parts.store.change(scan.seq, (stored) =>
      stored.state === "waiting" && stored.attempts === 0 ? { ...stored, state: "withdrawn" } : null,
    );
    if (changed === null) return false;
    this.replace(changed);
    this.tell(changed);
    return true;
  }

  /** Takes in what another tab says of a scan. */
  hear({ scan, answer, from }: News): void {
    if (from === this.tab || scan.userId !== this.parts.userId || this.closed) return;
    const known = this.scans.find((one) => one.scanId === scan.scanId);
    if (known === undefined) {
      this.foreign.add(scan.scanId);
      this.scans = [...this.scans, scan].sort((a, b) => a.seq - b.seq);
    }
    if (scan.open !== undefined) this.openAfter.set(scan.scanId, scan.open);
    if (answer !== undefined) this.learnFrom(answer);
    if (answer !== undefined && (known === undefined || known.state === "waiting"))
      for (const watcher of this.answerWatchers) watcher(scan, answer, !this.foreign.has(scan.scanId));
    this.replace(scan);
  }

  private tell(scan: ScanRecord, answer?: ScanAnswer): void {
    this.parts.tell?.({ scan, answer, from: this.tab });
  }

  /** Notes that the server took back a scan's effect. */
  async markUndone(scan: ScanRecord): Promise<void> {
    const changed = await this.parts.store.change(scan.seq, (stored) => ({ ...stored, undone: true }));
    if (changed === null) return;
    this.replace(changed);
    this.tell(changed);
  }

  /** Notes that the worker has dealt with a refusal. */
  async dealWith(scan: ScanRecord): Promise<void> {
    const changed = await this.parts.store.change(scan.seq, (stored) => ({ ...stored, dealtWith: true }));
    this.replace(changed ?? { ...scan, dealtWith: true });
    if (changed !== null) this.tell(changed);
  }

  /** Drops a refusal for a reason, which the server keeps. */
  async discard(scan: ScanRecord, reason: string): Promise<void> {
    const { parentCode, code, scanId, action, problem } = scan;
    const word = await this.add({
      action: "discard",
      parentCode,
      code,
      about: { scanId, action },
      reason,
      refusedWith: problem?.code ?? "unexpected",
    });
    // A full disk cannot keep the reason either: then the refusal stays, rather than its word.
    if (word.problem?.code === "not_saved") this.forget(word);
    else await this.dealWith(scan);
  }

  private forget(gone: ScanRecord): void {
    this.scans = this.scans.filter((scan) => scan.scanId !== gone.scanId);
    this.show();
  }

  /** Sends a refused scan again, as a new scan: the old id has had its answer. */
  async retry(scan: ScanRecord): Promise<ScanRecord> {
    await this.dealWith(scan);
    const { action, parentCode, code, previous, as } = scan;
    const again: NewScan = { action, parentCode, code };
    if (previous === undefined) return this.add(again);
    // After the refused one itself: the same parent is open there, whatever was scanned since.
    return this.add({ ...again, previous: isKept(scan) ? scan.scanId : previous, ...(as && { as }) });
  }

  /** Sends what waits, now: on reconnect, on focus, after sign-in. */
  wake(): void {
    if (Date.now() >= this.notBefore) void this.send();
  }

  /** Stops sending. What waits stays stored. */
  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.laneTimer);
  }

  /** Sends until nothing waits or the way is blocked; resolves then. */
  send(): Promise<void> {
    if (this.closed) return Promise.resolve();
    if (this.draining !== null) {
      this.again = true;
      return this.draining;
    }
    clearTimeout(this.timer);
    this.timer = undefined;
    const alone = this.parts.alone ?? ((_name, work) => work());
    this.draining = alone(`tracetrack-queue-${this.parts.userId}`, () => this.drain())
      .catch(() => this.later(null))
      .finally(() => {
        this.draining = null;
        if (this.again) {
          this.again = false;
          if (this.timer === undefined) void this.send();
        }
      });
    return this.draining;
  }

  private async drain(): Promise<void> {
    const obstacle = await this.withPatience(this.fillGaps());
    if (obstacle !== null) return this.wait(obstacle);
    let ill = 0;
    for (;;) {
      if (this.closed) return;
      this.again = false;
      const batch = await this.parts.store.takeWaiting(
        this.parts.userId,
        this.oneByOne > 0 ? 1 : BATCH,
        (scan) => (this.lanes.get(laneOf(scan))?.until ?? 0) <= Date.now(),
      );
      if (batch.length === 0) {
        if (this.moreCame()) continue;
        // Another tab may have sent what this one still shows as waiting.
        if (
          this.lanes.size === 0 &&
          this.scans.some((scan) => scan.state === "waiting" && Number.isSafeInteger(scan.seq + 1))
        )
          await this.load();
        if (this.answered >= PRUNE_EVERY) {
          this.answered = 0;
          await this.parts.store.prune(this.parts.userId);
        }
        // Nothing waits any more (taken back, sent by another tab): nothing is known to be amiss.
        if (this.link === "down" && !this.scans.some((scan) => scan.state === "waiting")) this.setLink("up");
        return;
      }
      const delivery = await this.withPatience(this.parts.deliver(batch));
      switch (delivery.kind) {
        case "answered":
          if (!(await this.settle(batch, delivery.answers))) return this.later(null);
          this.failures = 0;
          this.silentSince = null;
          ill = 0;
          for (const scan of batch) this.lanes.delete(laneOf(scan));
          this.oneByOne = Math.max(0, this.oneByOne - 1);
          this.setLink("up");
          break;
        case "rejected":
          if (batch.length > 1) {
            this.oneByOne = batch.length;
            break;
          }
          await this.settle(batch, [
            { scanId: batch[0]?.scanId ?? "", outcome: "refused", problem: delivery.problem, kept: false },
          ]);
          this.oneByOne = Math.max(0, this.oneByOne - 1);
          this.setLink("up");
          break;
        case "locked":
          return this.wait(delivery);
        case "later":
          if (delivery.poison === true && batch[0] !== undefined) {
            // A server that fails on the whole batch may still manage most of it piece by piece, and
            // what it fails on holds up its own big bag only.
            if (batch.length > 1) this.oneByOne = batch.length;
            else {
              this.hold(batch[0]);
              ill += 1;
            }
            if (ill < ILL) break;
          }
          return this.wait(delivery);
      }
    }
  }

  private wait(obstacle: Obstacle): void {
    if (obstacle.kind === "locked") this.setLink("locked");
    else this.later(obstacle.retryAfter);
  }

  /**
   * Before anything is sent, at the start and after a long silence: sends again what the server has lost
   * (it was restored from a backup, say), and settles what arrived long ago without an answer.
   */
  private async fillGaps(): Promise<Obstacle | null> {
    const { askArrived, store, userId } = this.parts;
    if (this.silentSince !== null && Date.now() - this.silentSince >= GAP_MS) this.unsure = true;
    if (!this.unsure || askArrived === undefined) return null;
    const waiting = this.scans.filter((scan) => scan.state === "waiting");
    const gaps = await findGaps(await store.settled(userId), waiting, askArrived, Date.now());
    if ("kind" in gaps) return gaps;
    this.unsure = false;
    for (const { scan, as } of gaps.arrived) {
      const problem = { code: as.outcome, status: 0, title: "", detail: "" };
      await this.settle([scan], [{ ...as, ...(as.refused ? { outcome: "refused", problem } : {}) }]);
    }
    for (const scan of gaps.lost) {
      const again = await store.change(scan.seq, (stored) =>
        stored.state === "settled" ? { ...stored, state: "waiting" } : null,
      );
      if (again !== null) this.tell(again);
    }
    if (gaps.lost.length > 0) await this.load();
    return null;
  }

  /** Writes the answers down; false when the server left some scan without a final word. */
  private async settle(batch: ScanRecord[], answers: ScanAnswer[]): Promise<boolean> {
    let complete = true;
    for (const scan of batch) {
      const answer = answers.find((one) => one.scanId === scan.scanId);
      const passing = answer?.problem !== undefined && isPassing(answer.problem);
      if (answer === undefined || passing) {
        complete = false;
        continue;
      }
      if (answer.problem?.code === "previous_missing") {
        await this.mend(scan, answer);
        continue;
      }
      const { problem } = answer;
      const answered = (stored: ScanRecord): ScanRecord | null => {
        if (problem !== undefined && QUESTIONS.has(problem.code) && stored.action === "scan")
          return stored.state === "waiting" ? { ...stored, question: problem } : null;
        return withAnswer(stored, answer);
      };
      const changed = await this.parts.store.change(scan.seq, answered, "relaxed");
      if (changed === null) continue;
      this.answered += 1;
      if (changed.open !== undefined) this.openAfter.set(changed.scanId, changed.open);
      this.learnFrom(answer);
      const here = !this.foreign.has(changed.scanId);
      for (const watcher of this.answerWatchers) watcher(changed, answer, here);
      this.replace(changed);
      this.tell(changed, answer);
      if (changed.action === "undo" && changed.state === "settled") await this.noteUndone(changed);
    }
    return complete;
  }

  /**
   * The server does not know the scan before this one. It may come first, or wait for an answer; one that was
   * answered once was lost there, and is sent again. Otherwise nobody knows into which parent this one goes.
   */
  private async mend(scan: ScanRecord, answer: ScanAnswer): Promise<void> {
    const { store } = this.parts;
    const before = scan.previous == null ? undefined : await store.find(scan.previous);
    if (before !== undefined && (before.state === "waiting" || !isKept(before))) return;
    if (before !== undefined && !this.mended.has(scan.scanId)) {
      this.mended.add(scan.scanId);
      const again = await store.change(before.seq, (stored) => ({ ...stored, state: "waiting" }));
      if (again !== null) this.replace(again);
      return;
    }
    if (answer.problem !== undefined) answer.problem = { ...answer.problem, conflict: true };
    const refused = await store.change(scan.seq, (stored) => withAnswer(stored, answer));
    if (refused === null) return;
    for (const watcher of this.answerWatchers) watcher(refused, answer, !this.foreign.has(refused.scanId));
    this.replace(refused);
    this.tell(refused, answer);
  }

  private learnFrom({ bag, parent, closed }: ScanAnswer): void {
    for (const one of [closed?.bag, bag, parent]) if (one?.kind === "parent") this.cards.set(one.id, one);
  }

  private async noteUndone(undo: ScanRecord): Promise<void> {
    const target = this.scans.find((scan) => scan.scanId === undo.about?.scanId);
    if (target !== undefined) await this.markUndone(target);
  }

  /** The server fails on this scan: those behind it in the same big bag keep their order and wait. */
  private hold(scan: ScanRecord): void {
    const lane = laneOf(scan);
    const failures = (this.lanes.get(lane)?.failures ?? 0) + 1;
    const pause = backoffMs(failures, null, this.parts.random);
    this.lanes.set(lane, { failures, until: Date.now() + pause });
    clearTimeout(this.laneTimer);
    this.laneTimer = setTimeout(() => void this.send(), pause);
    this.show();
  }

  /** A worker must not take a long silence for success. */
  private async withPatience<T>(delivery: Promise<T>): Promise<T> {
    const slow = setTimeout(() => this.setLink("down"), SLOW_MS);
    try {
      return await delivery;
    } finally {
      clearTimeout(slow);
    }
  }

  /** Something was added while the store was being read. */
  private moreCame(): boolean {
    return this.again;
  }

  private later(retryAfter: number | null): void {
    this.failures += 1;
    this.silentSince ??= Date.now();
    this.notBefore = retryAfter === null ? 0 : Date.now() + retryAfter * 1_000;
    this.setLink("down");
    if (this.closed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        void this.send();
      },
      backoffMs(this.failures, retryAfter, this.parts.random),
    );
  }

  private replace(changed: ScanRecord): void {
    this.scans = this.scans.map((scan) => (scan.scanId === changed.scanId ? changed : scan));
    this.show();
  }

  private setLink(link: LinkState): void {
    if (this.link === link) return;
    this.link = link;
    this.show();
  }

  private show(): void {
    const kept = this.scans.filter(
      (scan, at) => scan.state === "waiting" || isOpen(scan) || at >= this.scans.length - KEEP,
    );
    this.scans = kept;
    const waiting = kept.filter((scan) => scan.state === "waiting");
    const held = new Set<string>();
    for (const { scanId, previous, question, ...scan } of waiting)
      if (
        question !== undefined ||
        held.has(previous ?? "") ||
        this.lanes.has(laneOf({ scanId, previous, ...scan }))
      )
        held.add(scanId);
    this.view = {
      scans: kept,
      waiting: waiting.length,
      held: held.size,
      asked: waiting.filter((scan) => scan.question !== undefined),
      head: this.head,
      refused: kept.filter(isOpen),
      link: this.link,
    };
    for (const watcher of this.watchers) watcher();
  }
}

/** What must stay in order: the scans of one big bag, or what follows one scan in its chain. */
const laneOf = ({ previous, parentCode, scanId }: ScanRecord): string =>
  previous === undefined ? codeKey(parentCode) : scanId;

/** A scan with the server's final word on it. */
function withAnswer(stored: ScanRecord, answer: ScanAnswer): ScanRecord {
  const { problem, open, kind, kept, bag, parent } = answer;
  const card = [bag, parent].find((one) => one !== undefined && one.id === open?.id);
  return {
    ...stored,
    state: problem === undefined ? "settled" : "refused",
    outcome: answer.outcome,
    ...(problem && { problem }),
    // It changed nothing, and no bag is elsewhere than the record says: seen is enough.
    ...(problem?.conflict === false && { dealtWith: true }),
    ...(kind && { kind }),
    ...(open !== undefined && { open }),
    ...(card && { card }),
    ...(parent && bag?.kind === "child" && { inside: { id: parent.id, code: parent.code } }),
    ...(kept === false && { kept }),
  };
}

/** A refusal nobody has dealt with. */
export function isOpen(scan: ScanRecord): boolean {
  return scan.state === "refused" && scan.dealtWith !== true;
}

/** Says "not now" rather than "no". A refusal inside a batch has a code but no status. */
export function isPassing({ code, status }: Pick<Problem, "code" | "status">): boolean {
  return PASSING_CODES.has(code) || status === 408 || status === 425 || status === 429 || status >= 500;
}
