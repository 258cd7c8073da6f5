import { useEffect, useRef, type RefObject } from "react";
import { useTaker } from "@/shared/scanner/keyboard";
import { strokeOf } from "@/shared/scanner/strokes";
import type { Typed } from "./judge";

/** A pause that ends a code for sure, in ms; some scanner services think for long between two letters. */
const PAUSE_MS = 1_200;

/** Tells how each code was typed, wherever the focus is. */
export function useTyped(field: RefObject<HTMLInputElement | null>, onTyped: (typed: Typed) => void): void {
  const told = useRef(onTyped);
  told.current = onTyped;
  // Keys are judged here as they come.
  useTaker({ onCode: () => undefined, raw: true }, true);
  useEffect(() => {
    let keys: { text: string; us: string | null; at: number }[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;

    const end = (suffix: Typed["suffix"]) => {
      clearTimeout(timer);
      const [first, last] = [keys[0], keys.at(-1)];
      const text = keys.map((key) => key.text).join("");
      const steps = keys.length - 1;
      const us = keys.some((key) => key.us !== null) ? keys.map((key) => key.us ?? key.text).join("") : null;
      keys = [];
      if (first === undefined || last === undefined || text.trim() === "") return;
      const msPerKey = steps === 0 ? null : (last.at - first.at) / steps;
      // One letter alone is a finger on a key.
      if (Array.from(text).length > 1) told.current({ text, us, msPerKey, suffix });
    };

    const take = (text: string, us: string | null, at: number) => {
      keys.push({ text, us, at });
      clearTimeout(timer);
      timer = setTimeout(() => end(null), PAUSE_MS);
    };

    const onKeyDown = (event: KeyboardEvent) => {
      const stroke = strokeOf(event);
      if (stroke === null || stroke.control === true || event.isComposing) return;
      if (stroke.key === "\n" || stroke.key === "\t") {
        if (keys.length === 0) return;
        event.preventDefault();
        end(stroke.key === "\n" ? "Enter" : "Tab");
      } else if (stroke.moves !== true || keys.length > 0) {
        // Space on a link or a button is that person's own.
        const onButton = event.target instanceof Element && event.target.closest("button, a") !== null;
        if (event.key === " " && onButton && keys.length === 0) return;
        event.preventDefault();
        take(stroke.key ?? "", stroke.us, event.timeStamp);
      }
    };

    // Text without keys, from an input method or a scanner service, comes into the field.
    const onInput = (event: Event) => {
      const input = field.current;
      if (input === null || (event instanceof InputEvent && event.isComposing)) return;
      const text = input.value;
      input.value = "";
      const ended = /[\r\n\t]+$/.exec(text)?.[0];
      take(text.replace(/[\r\n\t]+$/, ""), null, event.timeStamp);
      if (ended !== undefined) end(ended.includes("\t") ? "Tab" : "Enter");
    };

    const focus = () => field.current?.focus({ preventScroll: true });
    const onClick = (event: MouseEvent) => {
      if (event.detail > 0) setTimeout(focus);
    };
    const input = field.current;
    focus();
    document.addEventListener("keydown", onKeyDown, true);
    document.addEventListener("click", onClick);
    input?.addEventListener("input", onInput);
    input?.addEventListener("compositionend", onInput);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("keydown", onKeyDown, true);
      document.removeEventListener("click", onClick);
      input?.removeEventListener("input", onInput);
      input?.removeEventListener("compositionend", onInput);
    };
  }, [field]);
}
