import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { childrenOf, currentParent, recentScans, undoScan } from "@/shared/api/calls";
import { useUser } from "@/shared/api/session";
import { ApiProblem, Unreachable } from "@/shared/api/problems";
import type { Problem } from "@/shared/api/types";
import type { MessageKey } from "@/shared/i18n/i18n";
import { cleanCode, codeKey } from "@/shared/queue/codes";
import type { NewScan, ScanRecord } from "@/shared/queue/records";
import { isReserved } from "@/shared/scanner/commands";
import { useOnline, useQueue, useQueueView } from "@/shared/queue/useQueue";
import { signal, type Tone } from "@/shared/sound/sound";
import { LAST, withElsewhere } from "./elsewhere";
import { keepPacking, keptPacking } from "./kept";
import {
  afterAnswer,
  afterUndo,
  canUndo,
  concerns,
  countOf,
  isKnownHere,
  packingOf,
  replay,
  startPacking,
  toneOf,
  withBag,
  withMembers,
  type Packing,
} from "./packing";

/** What the stage says about the last act. */
export interface Word {
  /** New for every act, so that the same outcome twice is seen twice. */
  id: number;
  tone: Tone;
  key: MessageKey;
  code: string;
  scan: ScanRecord | null;
  problem: Problem | null;
}

/** Two people may fill one parent: look this often, while somebody looks at the screen, what the other did, in ms. */
const LOOK_MS = 4_000;
const KNOWN_CHILDREN = 200;
/** Of several codes at once, the screen names so many. */
const NAMED = 3;
/** Loudest first: what came of several scans at once is as bad as the worst of them. */
const LOUDNESS: readonly Tone[] = ["refused", "waiting", "already", "ok"];
/** What a command does not do here, or a code that is kept for commands. */
const BAD_CODE: Problem = { code: "bad_code", status: 422, title: "", detail: "" };

/** The scan floor of one worker: what is being packed, what was said last, and the acts. */
export function useFloor() {
  const queue = useQueue();
  const userId = useUser().id;
  const view = useQueueView(queue);
  const online = useOnline();
  /** undefined: not known yet. */
  const [packing, setPacking] = useState<Packing | null | undefined>(undefined);
  const [word, setWord] = useState<Word | null>(null);
  const [closed, setClosed] = useState<{ code: string; count: number; expected: number | null } | null>(null);
  const words = useRef(0);
  const answers = useRef(0);
  /** Scanned before it was known what is being packed: a child must not become a parent. */
  const early = useRef<string[]>([]);
  const latest = useRef({ packing, word });
  latest.current = { packing, word };

  const say = useCallback((said: Omit<Word, "id">) => {
    words.current += 1;
    setWord({ ...said, id: words.current });
    signal(said.tone);
  }, []);

  const current = useQuery({
    queryKey: ["current-parent"],
    queryFn: async () => {
      const seen = answers.current;
      const { parent } = await currentParent();
      // Scans that were answered or made meanwhile know better than this look.
      return { parent, late: seen !== answers.current || queue.snapshot().waiting > 0 };
    },
    // Without a way to the server, the queue tries it; asking as well would only empty the battery.
    refetchInterval: online && view.link === "up" && LOOK_MS,
    retry: 1,
  });

  useEffect(() => {
    const known = latest.current.packing;
    if (known === undefined) {
      if (current.data !== undefined) {
        const { parent } = current.data;
        const waiting = queue.snapshot().scans.filter((scan) => scan.state === "waiting");
        setPacking(replay(parent === null ? null : packingOf(parent), waiting));
      } else if (current.isError) {
        const { scans } = queue.snapshot();
        const kept = keptPacking(userId);
        const waiting = scans.filter((scan) => scan.state === "waiting");
        setPacking(kept === undefined ? replay(null, scans) : replay(kept, waiting));
      }
      return;
    }
    const told = current.data?.parent;
    if (known !== null && told && !current.data?.late && known.bag?.id === told.id)
      setPacking(withBag(known, told));
  }, [current.data, current.isError, queue, userId]);

  useEffect(() => {
    if (packing !== undefined) keepPacking(userId, packing);
  }, [packing, userId]);

  // The parent's children, so that a duplicate is known before the server says so.
  const bagId = packing?.bag?.id;
  const children = useQuery({
    queryKey: ["children", bagId],
    queryFn: () => childrenOf(bagId ?? 0, null, KNOWN_CHILDREN),
    enabled: bagId !== undefined,
    staleTime: Infinity,
    gcTime: 0,
  });
  useEffect(() => {
    const items = children.data?.items;
    if (items === undefined) return;
    setPacking((now) =>
      now?.bag?.id === bagId && now !== undefined && now !== null
        ? withMembers(
            now,
            items.map((child) => child.code),
          )
        : now,
    );
  }, [children.data, bagId]);

  // What this worker did on another device.
  const elsewhere = useQuery({ queryKey: ["recent-scans"], queryFn: () => recentScans(LAST) });

  useEffect(
    () =>
      queue.onAnswer((scan, answer, here) => {
        answers.current += 1;
        if (scan.action === "discard") return;
        setPacking((now) => (now ? afterAnswer(now, scan, answer) : now));
        const tone = toneOf(answer);
        const shown = latest.current.word;
        if (tone === "refused") {
          // Another tab says so itself; the list has it here too.
          if (!here) return;
          say({
            tone,
            key: "outcome.refused",
            code: scan.code ?? scan.parentCode,
            scan,
            problem: answer.problem ?? null,
          });
        } else if (shown?.scan?.scanId === scan.scanId && shown.tone !== tone) {
          const key = wordFor(scan, tone);
          // A duplicate must not look like success; that what waited has arrived is told quietly.
          if (tone === "already") say({ ...shown, tone, key });
          else setWord({ ...shown, tone, key });
        }
      }),
    [queue, say],
  );

  // Said to be in, but the connection turns out to be gone: it waits.
  useEffect(() => {
    const shown = latest.current.word;
    if (view.link === "up" || shown === null || shown.tone === "refused" || shown.tone === "waiting") return;
    const scan = view.scans.find((one) => one.scanId === shown.scan?.scanId);
    if (scan?.state === "waiting") say({ ...shown, tone: "waiting", key: "outcome.waiting" });
  }, [view.link, view.scans, say]);

  const toneNow = (expected: Tone): Tone =>
    queue.snapshot().link === "up" && navigator.onLine ? expected : "waiting";

  const add = (scan: NewScan, expected: Tone) => {
    const tone = toneNow(expected);
    const key = tone === "waiting" ? "outcome.waiting" : wordFor(scan, tone);
    const said = { tone, key, code: scan.code ?? scan.parentCode, problem: null };
    // Said at once; the record only lets a later answer find what it is about.
    const stored = queue.add(scan);
    say({ ...said, scan: null });
    const id = words.current;
    void stored.then((record) => {
      if (record.state === "refused")
        say({
          ...said,
          tone: "refused",
          key: "outcome.refused",
          scan: record,
          problem: record.problem ?? null,
        });
      else setWord((now) => (now?.id === id ? { ...now, scan: record } : now));
    });
  };

  const open = (code: string) => {
    setClosed(null);
    setPacking(startPacking(code));
    latest.current.packing = startPacking(code);
    add({ action: "parent", parentCode: code, code: null }, "ok");
  };

  const scan = (text: string) => {
    const code = cleanCode(text);
    if (code === "") return;
    if (isReserved(code))
      return say({ tone: "refused", key: "outcome.refused", code, scan: null, problem: BAD_CODE });
    const now = latest.current.packing;
    if (now === undefined) {
      early.current.push(code);
      return;
    }
    if (now === null) return open(code);
    if (now.keys.includes(codeKey(code)))
      return say({ tone: "already", key: "outcome.already", code, scan: null, problem: null });
    const known = isKnownHere(now, queue.snapshot().scans, code);
    add({ action: "child", parentCode: now.code, code }, known ? "already" : "ok");
  };

  /** Takes codes that were seen together; false when it is not plain what they should be. */
  const scanTogether = (texts: readonly string[]): boolean => {
    const now = latest.current.packing;
    const [only, ...more] = texts;
    if (only !== undefined && more.length === 0) {
      scan(only);
      return true;
    }
    // Which of them is the big bag, which command is meant?
    if (!now || texts.some(isReserved)) return false;
    const codes = texts.map(cleanCode).filter((code) => code !== "" && !now.keys.includes(codeKey(code)));
    const tones = codes.map((code) => {
      const known = isKnownHere(now, queue.snapshot().scans, code);
      const scan: NewScan = { action: "child", parentCode: now.code, code };
      void queue.add(scan).then((record) => {
        if (record.state !== "refused") return;
        const problem = record.problem ?? null;
        say({ tone: "refused", key: "outcome.refused", code, scan: record, problem });
      });
      return toneNow(known ? "already" : "ok");
    });
    const tone = LOUDNESS.find((one) => tones.includes(one)) ?? "already";
    const named = codes.length > 0 ? codes : texts;
    const rest = named.length > NAMED ? ` +${named.length - NAMED}` : "";
    const said = { tone, code: named.slice(0, NAMED).join(" · ") + rest, scan: null, problem: null };
    say({ ...said, key: `outcome.${tone}` });
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
      return latest.current.packing?.keys.includes(key) ? "ok" : null;
    if (about.state === "refused") return "refused";
    return about.state === "settled" ? toneOf({ outcome: about.outcome ?? "" }) : toneNow("ok");
  };

  useEffect(() => {
    if (packing === undefined) return;
    for (const code of early.current.splice(0)) scan(code);
  });

  const nothing = () => say({ tone: "already", key: "outcome.nothing", code: "", scan: null, problem: null });

  const done = () => {
    const now = latest.current.packing;
    if (!now) return nothing();
    setClosed({
      code: now.code,
      count: countOf(now, queue.snapshot().scans),
      expected: now.bag?.expected_children ?? null,
    });
    setPacking(null);
    latest.current.packing = null;
    add({ action: "complete", parentCode: now.code, code: null }, "ok");
  };

  const next = () => {
    setPacking(null);
    setWord(null);
    setClosed(null);
  };

  const move = (refused: ScanRecord) => {
    void queue.dealWith(refused);
    add({ action: "move", parentCode: refused.parentCode, code: refused.code }, "ok");
  };

  const undo = async (scan: ScanRecord) => {
    const code = scan.code ?? scan.parentCode;
    if (scan.state === "waiting") {
      // Never sent: nothing to tell the server. Perhaps sent: only a counter-act is sure.
      if (!(await queue.withdraw(scan))) void queue.add(undoOf(scan));
      return say({ tone: "ok", key: "outcome.ok.undone", code, scan: null, problem: null });
    }
    try {
      const { parent } = await undoScan(scan.scanId);
      answers.current += 1;
      await queue.markUndone(scan);
      void elsewhere.refetch();
      const now = latest.current.packing;
      if (scan.action === "complete" && parent) {
        setClosed(null);
        if (!now) setPacking(packingOf(parent));
      } else if (now) setPacking(afterUndo(now, scan, parent ?? null));
      say({ tone: "ok", key: "outcome.ok.undone", code, scan: null, problem: null });
    } catch (error) {
      if (error instanceof Unreachable) {
        add(undoOf(scan), "ok");
        return;
      }
      const problem: Problem =
        error instanceof ApiProblem
          ? error.problem
          : { code: "unreachable", status: 0, title: "", detail: "" };
      say({ tone: "refused", key: "outcome.refused", code, scan: null, problem });
    }
  };

  const last = withElsewhere(view.scans.filter(isOwnAct), elsewhere.data?.items ?? []);
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
    setWord(null);
  };

  return {
    queue,
    view,
    last,
    undoing,
    packing,
    count: packing ? countOf(packing, view.scans) : 0,
    word,
    closed,
    scan,
    scanTogether,
    toneOf: toneOfCode,
    open,
    done,
    next,
    move,
    undo,
    undoLast,
    dismiss,
    /** The refusal on screen can be mended by moving the child into the open parent. */
    canMove: (problem: Problem | null, scan: ScanRecord | null) =>
      problem?.code === "child_in_other_parent" && scan !== null && !!packing && concerns(packing, scan),
  };
}

/** Takes a scan back by the queue, so that it happens after that scan and without network too. */
function undoOf({ parentCode, code, scanId, action }: ScanRecord): NewScan {
  return { action: "undo", parentCode, code, about: { scanId, action } };
}

/** Not an undo or a word about another scan, which that scan's own line shows. */
const isOwnAct = (scan: ScanRecord): boolean => scan.action !== "undo" && scan.action !== "discard";

function wordFor(scan: NewScan, tone: Tone): MessageKey {
  if (tone === "already") return scan.action === "complete" ? "outcome.already.done" : "outcome.already";
  switch (scan.action) {
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
      return "outcome.ok.moved";
    case "child":
      return "outcome.ok";
  }
}
