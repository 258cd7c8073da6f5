import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { bagCard, childrenOf, currentParent, recentScans } from "@/shared/api/calls";
import { useSession } from "@/shared/api/session";
import type { Problem } from "@/shared/api/types";
import { t, type MessageKey } from "@/shared/i18n/i18n";
import { cleanCode, codeKey } from "@/shared/queue/codes";
import type { Kind, NewScan, ScanAnswer, ScanRecord } from "@/shared/queue/records";
import { isReserved } from "@/shared/scanner/commands";
import { useOnline, useQueue, useQueueView } from "@/shared/queue/useQueue";
import { signal, type Outcome, type Tone } from "@/shared/sound/sound";
import type { IconName } from "@/shared/ui/icons";
import { LAST, withElsewhere } from "./elsewhere";
import { answerOf, canUndo, countOf, membersOf, placeAfter, shapeOf, toneOf, type Known } from "./packing";

/** What the stage says about the last act. */
export interface Word {
  /** New for every act, so that the same outcome twice is seen twice. */
  id: number;
  /** "sending": read and stored, nobody has said yet what came of it. */
  tone: Outcome | "sending";
  key: MessageKey;
  code: string;
  scan: ScanRecord | null;
  problem: Problem | null;
  /** More about it, such as what became of the bag before. */
  note?: string;
  /** The one thing that may be wanted now. */
  act?: { key: MessageKey; icon: IconName; run: () => void };
}

/** Without an answer for so long, in ms, a scan is shown as waiting. */
const WAITING_MS = 400;

/** Two people may fill one parent: look this often, while somebody looks at the screen, what the other did, in ms. */
const LOOK_MS = 4_000;
const KNOWN_CHILDREN = 200;
/** Of several codes at once, the screen names so many. */
const NAMED = 3;
/** What a command does not do here, or a code that is kept for commands. */
const BAD_CODE: Problem = { code: "bad_code", status: 422, title: "", detail: "" };

/** The scan floor of one worker: what is being packed, what was said last, and the acts. */
export function useFloor() {
  const queue = useQueue();
  const view = useQueueView(queue);
  const online = useOnline();
  const signedIn = useSession().status === "signed-in";
  const [word, setWord] = useState<Word | null>(null);
  /** The word as it is now, also before it is rendered: several answers may come at once. */
  const shown = useRef<Word | null>(null);
  const [closed, setClosed] = useState<{ code: string; count: number; expected: number | null } | null>(null);
  const words = useRef(0);
  const answers = useRef(0);
  /** Scanned before it was known what is being packed. */
  const early = useRef<string[]>([]);

  const known: Known = { scans: view.scans, opened: queue.opened, card: queue.card };
  const place = view.head === undefined ? undefined : placeAfter(view.head, known);
  const packing = place?.open;
  const bagId = packing?.bag?.id;

  // The parent's children, so that one that is scanned twice is not counted twice meanwhile.
  const children = useQuery({
    queryKey: ["children", bagId],
    queryFn: () => childrenOf(bagId ?? 0, null, KNOWN_CHILDREN),
    enabled: bagId !== undefined,
    staleTime: Infinity,
    gcTime: 0,
  });
  const listed = children.data?.items;
  const members = useMemo(() => (listed ?? []).map((child) => codeKey(child.code)), [listed]);
  const inside = membersOf(packing ?? null, known, members);

  /** What is said beside the outcome, and the one act that it offers. */
  const more = (scan: ScanRecord, tone: Outcome, answer: ScanAnswer): Pick<Word, "note" | "act"> => {
    const before = answer.closed?.bag;
    const note =
      before === undefined
        ? {}
        : {
            note: t(answer.closed?.outcome === "short" ? "closed.short" : "closed.done", {
              parent: before.code,
              count: before.child_count,
              expected: before.expected_children ?? before.child_count,
            }),
          };
    switch (tone) {
      case "over":
        return { act: { key: "over.out", icon: "undo", run: () => void undo(scan) } };
      case "completed":
        return { ...note, act: { key: "completed.open", icon: "again", run: () => take(scan.code ?? "") } };
      case "short":
        return before === undefined
          ? { act: { key: "short.goOn", icon: "undo", run: () => void undo(scan) } }
          : { ...note, act: { key: "short.done", icon: "ok", run: () => completeAnyway(before.code) } };
      default:
        return note;
    }
  };

  const latest = useRef({ place, more });
  latest.current = { place, more };

  const show = useCallback((now: Word | null) => {
    shown.current = now;
    setWord(now);
  }, []);

  const say = useCallback(
    (said: Omit<Word, "id">) => {
      words.current += 1;
      show({ ...said, id: words.current });
      if (said.tone !== "sending") signal(said.tone);
    },
    [show],
  );

  // Nothing here says what is open: the server does, or, without it, what this device knows.
  const unknown = place === undefined;
  useEffect(() => {
    if (!unknown) return;
    let gone = false;
    currentParent().then(
      ({ parent, last_scan_id }) => gone || queue.continueFrom(last_scan_id, parent),
      () => gone || queue.continueAlone(),
    );
    return () => {
      gone = true;
    };
  }, [unknown, queue]);

  // Another worker may fill the same parent.
  const looking = signedIn && online && view.link === "up" && bagId !== undefined;
  useEffect(() => {
    if (!looking) return;
    const look = async () => {
      if (document.visibilityState === "hidden") return;
      const seen = answers.current;
      const card = await bagCard(bagId).catch(() => null);
      // Scans that were answered or made meanwhile know better than this look.
      if (card !== null && seen === answers.current && queue.snapshot().waiting === 0) queue.learn(card);
    };
    void look();
    const timer = setInterval(() => void look(), LOOK_MS);
    return () => clearInterval(timer);
  }, [looking, bagId, queue]);

  // What this worker did on another device.
  const elsewhere = useQuery({
    queryKey: ["recent-scans"],
    queryFn: async () => {
      const seq = queue.snapshot().scans.findLast((scan) => scan.state !== "waiting")?.seq ?? 0;
      return { items: (await recentScans(LAST)).items, seq };
    },
    staleTime: 0,
    gcTime: 0,
  });
  const { refetch } = elsewhere;

  useEffect(
    () =>
      queue.onAnswer((scan, answer, here) => {
        answers.current += 1;
        if (scan.action === "discard") return;
        const now = shown.current;
        const mine = now !== null && now.scan?.scanId === scan.scanId;
        if (scan.question !== undefined) {
          if (here) signal("ask");
          if (mine) show(null);
          return;
        }
        const tone = toneOf(answer);
        const code = scan.code ?? scan.parentCode;
        if (answer.problem !== undefined) {
          // Another tab says so itself; the list has it here too.
          const key = tone === "other" ? "outcome.other" : "outcome.refused";
          if (here) say({ tone, key, code, scan, problem: answer.problem });
        } else if (mine)
          say({
            ...now,
            tone,
            key: wordFor(scan, tone, answer),
            scan,
            ...latest.current.more(scan, tone, answer),
          });
        // The scan that was taken back may be another device's.
        if (scan.action === "undo" && here) void refetch();
      }),
    [queue, say, show, refetch],
  );

  // No answer yet: it is stored here and waits. At once where the way is known to be blocked.
  const blocked = !signedIn || view.link !== "up" || !online;
  useEffect(() => {
    // Not before it is stored: "waiting" says that it is safe here.
    if (word?.tone !== "sending" || word.scan === null) return;
    const timer = setTimeout(
      () =>
        say(
          signedIn
            ? { ...word, tone: "waiting", key: "outcome.waiting" }
            : { ...word, tone: "out", key: "outcome.out" },
        ),
      blocked ? 0 : WAITING_MS,
    );
    return () => clearTimeout(timer);
  }, [word, blocked, signedIn, say]);

  const add = (scan: NewScan) => {
    const said = { code: scan.code ?? scan.parentCode, problem: null };
    // Said at once; the record lets the answer find what it is about.
    const stored = queue.follow(scan);
    say({ ...said, tone: "sending", key: "outcome.sending", scan: null });
    const id = words.current;
    void stored.then((record) => {
      const problem = record.problem ?? null;
      if (record.state === "refused")
        say({ ...said, tone: "refused", key: "outcome.refused", scan: record, problem });
      else if (shown.current?.id === id) show({ ...shown.current, scan: record });
    });
  };

  const scanned = (code: string, as?: Kind): NewScan => ({
    action: "scan",
    parentCode: latest.current.place?.open?.code ?? "",
    code,
    ...(as && { as }),
  });

  const open = (code: string) => {
    setClosed(null);
    add(scanned(code, "parent"));
  };

  /** The server's question that this code answers, by being scanned again. */
  const askedAbout = (code: string): ScanRecord | undefined =>
    queue.snapshot().asked.find(({ code: label, question }) => {
      const parent = question?.parent as { code?: string } | undefined;
      return [label, parent?.code].some((one) => one != null && codeKey(one) === codeKey(code));
    });

  const take = (text: string) => {
    const code = cleanCode(text);
    if (code === "") return;
    if (isReserved(code))
      return say({ tone: "refused", key: "outcome.refused", code, scan: null, problem: BAD_CODE });
    if (latest.current.place === undefined) {
      early.current.push(code);
      return;
    }
    const asked = askedAbout(code);
    if (asked?.question !== undefined)
      return reply(asked, answerOf(asked.question, latest.current.place.open));
    setClosed(null);
    add(scanned(code));
  };

  /** Answers the server's question about a scan; null: the scan was a mistake. */
  const reply = (asked: ScanRecord, as: Kind | null) => {
    if (as === null) {
      void queue.drop(asked);
      return say({ tone: "ok", key: "outcome.ok.undone", code: asked.code ?? "", scan: null, problem: null });
    }
    void queue.answer(asked, as);
    say({ tone: "sending", key: "outcome.sending", code: asked.code ?? "", scan: asked, problem: null });
  };

  /** Takes codes that were seen together; false when it is not plain what they should be. */
  const scanTogether = (texts: readonly string[]): boolean => {
    const now = latest.current.place?.open;
    const [only, ...more] = texts;
    if (only !== undefined && more.length === 0) {
      take(only);
      return true;
    }
    // Which of them is the big bag, which command is meant?
    if (!now || texts.some(isReserved)) return false;
    const codes = texts.map(cleanCode).filter((code) => code !== "" && !now.keys.includes(codeKey(code)));
    // One that is like the open big bag and unlike the others is most likely the next.
    const like = codes.filter((code) => shapeOf(code) === shapeOf(now.code));
    if (like.length > 0 && like.length < codes.length) return false;
    for (const code of codes.slice(0, -1)) void queue.follow(scanned(code, "child"));
    const last = codes.at(-1);
    if (last === undefined) {
      say({ tone: "already", key: "outcome.already", code: texts.join(" · "), scan: null, problem: null });
      return true;
    }
    add(scanned(last, "child"));
    const rest = codes.length > NAMED ? ` +${codes.length - NAMED}` : "";
    if (shown.current !== null) show({ ...shown.current, code: codes.slice(0, NAMED).join(" · ") + rest });
    return true;
  };

  /** What came of a code on this screen so far. */
  const toneOfCode = (text: string): Tone | null => {
    const key = codeKey(text);
    const about = queue
      .snapshot()
      .scans.filter((one) => isOwnAct(one) && codeKey(one.code ?? one.parentCode) === key)
      .at(-1);
    if (about === undefined || about.undone || about.state === "withdrawn")
      return latest.current.place?.open?.keys.includes(key) === true ? "ok" : null;
    if (about.state === "refused") return "refused";
    if (about.state === "waiting") return "waiting";
    return about.outcome?.startsWith("already") === true ? "already" : "ok";
  };

  useEffect(() => {
    if (unknown) return;
    for (const code of early.current.splice(0)) take(code);
  });

  const nothing = () => say({ tone: "already", key: "outcome.nothing", code: "", scan: null, problem: null });

  const done = () => {
    const now = latest.current.place;
    if (!now?.open) return nothing();
    setClosed({
      code: now.open.code,
      count: countOf(now, inside),
      expected: now.open.bag?.expected_children ?? null,
    });
    add({ action: "complete", parentCode: now.open.code, code: null });
  };

  /** The bag before the open one is done, though it is short. */
  const completeAnyway = (code: string) =>
    add({ action: "complete", parentCode: code, code: null, byCode: true });

  const next = () => {
    queue.begin();
    show(null);
    setClosed(null);
  };

  /** Moves a child that was refused into the parent that was open when it was scanned. */
  const move = (refused: ScanRecord) => {
    void queue.dealWith(refused);
    add({ action: "move", parentCode: wantedBy(refused), code: refused.code });
  };

  /** The bag stays where it is: decided, without another question. */
  const leave = (refused: ScanRecord) => {
    void queue.discard(refused, "left where it is");
    show(null);
  };

  const undo = async (scan: ScanRecord) => {
    const code = scan.code ?? scan.parentCode;
    // Never sent, and nothing follows it: nothing to tell the server. Else only a counter-act is sure.
    const last = queue.snapshot().head === scan.scanId;
    if (scan.state === "waiting" && last && (await queue.withdraw(scan)))
      return say({ tone: "ok", key: "outcome.ok.undone", code, scan: null, problem: null });
    if (scan.action === "complete" || scan.kind === "parent") setClosed(null);
    add(undoOf(scan));
  };

  const last = withElsewhere(view.scans.filter(isOwnAct), elsewhere.data ?? { items: [], seq: -1 });
  const undoing = new Set(
    view.scans.flatMap((scan) =>
      scan.action === "undo" && scan.state !== "refused" && scan.about ? [scan.about.scanId] : [],
    ),
  );

  const undoLast = () => {
    const scan = last.filter((one) => !undoing.has(one.scanId) && canUndo(one, last)).at(-1);
    if (scan === undefined) nothing();
    else void undo(scan);
  };

  const dismiss = () => {
    // Seen, not decided: it stays in the list.
    show(null);
  };

  /** Something is on screen that must be seen before the next code is read by itself. */
  const mustBeSeen = () =>
    shown.current?.tone === "refused" || shown.current?.tone === "other" || queue.snapshot().asked.length > 0;

  return {
    queue,
    view,
    last,
    undoing,
    /** undefined: not known yet. */
    packing,
    count: place === undefined ? 0 : countOf(place, inside),
    /** What lies in the open parent, as far as it is known here. */
    lot: packing ? [...inside, ...place.adds] : [],
    word,
    mustBeSeen,
    closed,
    scan: take,
    scanTogether,
    toneOf: toneOfCode,
    open,
    done,
    next,
    move,
    leave,
    reply,
    undo,
    undoLast,
    dismiss,
    /** The refusal on screen can be mended by moving the child into the open parent. */
    canMove: (problem: Problem | null, scan: ScanRecord | null) =>
      problem?.code === "child_in_other_parent" &&
      scan !== null &&
      packing?.keys.includes(codeKey(wantedBy(scan))) === true,
  };
}

/** The parent that a refused child was scanned into. */
export function wantedBy({ problem, parentCode }: ScanRecord): string {
  const wanted = problem?.wanted_parent as { code?: string } | null | undefined;
  return wanted?.code ?? parentCode;
}

/** Takes a scan back by the queue, so that it happens after that scan and without network too. */
function undoOf({ parentCode, code, scanId, action }: ScanRecord): NewScan {
  return { action: "undo", parentCode, code, about: { scanId, action } };
}

/** Not an undo or a word about another scan, which that scan's own line shows. */
const isOwnAct = (scan: ScanRecord): boolean => scan.action !== "undo" && scan.action !== "discard";

function wordFor(scan: NewScan, tone: Outcome, { kind, outcome }: ScanAnswer): MessageKey {
  if (tone === "full" || tone === "over" || tone === "completed") return `outcome.${tone}`;
  if (tone === "short" && scan.action === "complete") return "outcome.short";
  if (tone === "already") return scan.action === "complete" ? "outcome.already.done" : "outcome.already";
  switch (scan.action) {
    case "scan":
      return kind === "parent" ? "outcome.ok.parent" : "outcome.ok";
    case "parent":
      return "outcome.ok.parent";
    case "complete":
      return "outcome.ok.done";
    case "undo":
    case "discard":
      return "outcome.ok.undone";
    case "unlink":
      return "outcome.ok.unlinked";
    case "move":
      return outcome === "moved" ? "outcome.ok.moved" : "outcome.ok";
    case "child":
      return "outcome.ok";
  }
}
