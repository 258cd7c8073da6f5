import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Problem } from "@/shared/api/types";
import type { OfficeKey } from "@/shared/i18n/office";
import { signal, type Tone } from "@/shared/sound/sound";
import type { IconName } from "@/shared/ui/icons";
import { codeKey } from "@/shared/queue/codes";
import { commandOf, isReserved } from "./commands";
import type { Line } from "@/shared/queue/records";
import { scanStore } from "@/shared/queue/store";
import { ScanSender, type Keep, type WaitingScan } from "./ScanSender";

/** What came of the last act, as the screen says it. */
export interface Said {
  id: string;
  tone: Tone;
  /** For tests and looks: what it was. */
  kind: string;
  word: OfficeKey;
  icon?: IconName;
  code: string;
  lines: readonly string[];
  /** Lines that deserve a look. */
  warnings?: readonly string[];
  problem: Problem | null;
  undo: (() => Promise<void> | void) | null;
}

export interface RefusedScan {
  id: string;
  code: string;
  problem: Problem;
}

interface ScanLineOptions<Answer> {
  line: Line;
  send: (scan: WaitingScan) => Promise<Answer>;
  onAnswer: (scan: WaitingScan, answer: Answer) => Said;
}

/** The scans of one line in the store of this device. */
const keepOf = ({ user_id, page, id }: Omit<Line, "title">, title: () => string): Keep => ({
  load: async () => {
    const all = await (await scanStore()).lines(user_id);
    return all
      .filter((scan) => scan.page === page && scan.id === id)
      .map(({ scan_id, code, scanned_at, problem }) => ({
        scan_id,
        code,
        scanned_at,
        ...(problem && { problem }),
      }));
  },
  put: async (scan, problem) => {
    const kept = { user_id, page, id, title: title(), ...scan };
    await (await scanStore()).keepLine(problem === undefined ? kept : { ...kept, problem });
  },
  drop: async (scanId) => (await scanStore()).dropLine(scanId),
});

/** Scans one after another at one thing: each is sent in order, said aloud, and never dropped. */
export function useScanLine<Answer>({ line, send, onAnswer }: ScanLineOptions<Answer>) {
  const [said, setSaid] = useState<Said | null>(null);
  const [refused, setRefused] = useState<RefusedScan[]>([]);
  const [waiting, setWaiting] = useState<readonly WaitingScan[]>([]);
  const [linkDown, setLinkDown] = useState(false);
  const latest = useRef({ line, send, onAnswer });
  latest.current = { line, send, onAnswer };

  /** What came of each code here, for the marks in the camera's picture. */
  const tones = useRef(new Map<string, Tone>());
  const shown = useRef<Said | null>(null);

  const say = useCallback((next: Said) => {
    tones.current.set(codeKey(next.code), next.tone);
    shown.current = next;
    setSaid(next);
    if (next.kind !== "sending") signal(next.tone);
  }, []);

  const { user_id, page, id: thing } = line;
  const sender = useMemo(() => {
    const refuse = ({ scan_id: id, code }: WaitingScan, problem: Problem) =>
      setRefused((now) => [{ id, code, problem }, ...now]);
    return new ScanSender<Answer>(
      (scan) => latest.current.send(scan),
      {
        onAnswer: (scan, answer) => say(latest.current.onAnswer(scan, answer)),
        onRefused: (scan, problem) => {
          refuse(scan, problem);
          const { scan_id: id, code } = scan;
          const word: OfficeKey = "said.refused";
          say({ id, tone: "refused", kind: "refused", word, code, lines: [], problem, undo: null });
        },
        onLeft: refuse,
        onWaiting: (now, down) => {
          setWaiting(now);
          setLinkDown(down);
        },
      },
      keepOf({ user_id, page, id: thing }, () => latest.current.line.title),
    );
  }, [user_id, page, thing, say]);
  useEffect(() => {
    sender.start();
    const hurry = () => sender.hurry();
    addEventListener("online", hurry);
    return () => {
      removeEventListener("online", hurry);
      sender.stop();
    };
  }, [sender]);

  const scan = useCallback(
    (text: string) => {
      const command = commandOf(text);
      const undo = shown.current?.undo ?? null;
      if (command === "CANCEL") {
        shown.current = null;
        setSaid(null);
        return signal("ok");
      }
      if (command === "UNDO" && undo !== null)
        return void Promise.resolve(undo()).catch(() => signal("refused"));
      if (isReserved(text)) {
        const problem: Problem = { code: "bad_code", status: 422, title: "", detail: "" };
        const word: OfficeKey = command === "UNDO" ? "outcome.nothing" : "said.refused";
        const tone = command === "UNDO" ? "already" : "refused";
        return say({
          id: text,
          tone,
          kind: "command",
          word,
          code: text.trim(),
          lines: [],
          problem: command === "UNDO" ? null : problem,
          undo: null,
        });
      }
      const taken = sender.add(text);
      if (taken === null) return;
      const { scan_id: id, code } = taken;
      say({
        id,
        tone: "waiting",
        kind: "sending",
        word: "said.sending",
        code,
        lines: [],
        problem: null,
        undo: null,
      });
    },
    [sender, say],
  );

  return {
    said,
    say,
    refused,
    forget: (one: RefusedScan) => {
      sender.seen(one.id);
      setRefused((now) => now.filter((other) => other !== one));
    },
    waiting,
    linkDown,
    scan,
    toneOf: (code: string) => tones.current.get(codeKey(code)) ?? null,
  };
}

export type ScanLine = ReturnType<typeof useScanLine>;
