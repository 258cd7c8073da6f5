import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { WedgeReader } from "@/shared/scanner/wedge";
import type { Job } from "../jobs";

/** A screen that reads the scanner itself: every key is its own, but Ctrl+K. */
const OWN_SCANNER = ".scanner-field, .scan-field, .find-form";
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
    const fresh = () =>
      new WedgeReader(
        {
          onCode: (code) => {
            reader = fresh();
            now.current.go(`/find?code=${encodeURIComponent(code)}`);
          },
          onSlowTyping: typed,
        },
        // Whether scanners end their codes is not asked here: keys would have to wait for it.
        false,
      );
    let reader = fresh();

    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        return now.current.acts.search("");
      }
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const at = event.target instanceof Element ? event.target : null;
      if (at?.closest("input, textarea, select, [role=dialog]") != null) return;
      if (document.querySelector(OWN_SCANNER) !== null) return;
      const presses = (event.key === "Enter" || event.key === " " || event.key === "Tab") && !reader.busy;
      if (presses) return;
      if (reader.key(event.key, event.timeStamp)) event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => {
      reader.clear();
      document.removeEventListener("keydown", onKey);
    };
  }, []);
}
