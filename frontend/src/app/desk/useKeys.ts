import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { cleanCode } from "@/shared/queue/codes";
import { useTaker } from "@/shared/scanner/keyboard";
import type { Job } from "../jobs";

/** How long after `g` the letter of a page may come, in ms. */
const LETTER_MS = 1_500;

interface Acts {
  /** Go to the search, with what was typed right after the key. */
  search: (text: string) => void;
  help: () => void;
}

/**
 * The keys of the desk, wherever no field has the focus. They are told from a scanner by their speed,
 * and what a scanner reads is looked up.
 */
export function useKeys(jobs: readonly Job[], acts: Acts): void {
  const [, go] = useLocation();
  const now = useRef({ jobs, acts, go });
  now.current = { jobs, acts, go };
  const typedKeys = useRef<(text: string) => void>(() => undefined);
  useTaker(
    {
      onCode: (code) => go(`/find?code=${encodeURIComponent(cleanCode(code))}`),
      onSlowTyping: (text) => typedKeys.current(text),
    },
    true,
    true,
  );

  useEffect(() => {
    let going = 0;
    const press = (letter: string, at: number) => {
      if (letter === "g") return void (going = at);
      const led = at - going < LETTER_MS;
      going = 0;
      if (!led) return;
      if (letter === "h") return now.current.go("/");
      const job = now.current.jobs.find((one) => one.letter === letter);
      if (job !== undefined) now.current.go(job.path);
    };
    const typed = (text: string) => {
      if (text.startsWith("/")) return now.current.acts.search(text.slice(1));
      if (text === "?") return now.current.acts.help();
      for (const letter of text) press(letter, performance.now());
    };
    typedKeys.current = typed;

    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        now.current.acts.search("");
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
