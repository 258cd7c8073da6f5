import { useEffect, useRef, type RefObject } from "react";
import type { Typed } from "./judge";

/** A pause that ends a code for sure, in ms; some scanner services think for long between two letters. */
const PAUSE_MS = 1_200;

/** Tells how each code was typed, wherever the focus is. */
export function useTyped(field: RefObject<HTMLInputElement | null>, onTyped: (typed: Typed) => void): void {
  const told = useRef(onTyped);
  told.current = onTyped;
  useEffect(() => {
    let keys: { text: string; at: number }[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;

    const end = (suffix: Typed["suffix"]) => {
      clearTimeout(timer);
      const [first, last] = [keys[0], keys.at(-1)];
      const text = keys.map((key) => key.text).join("");
      const steps = keys.length - 1;
      keys = [];
      if (first === undefined || last === undefined || text.trim() === "") return;
      const msPerKey = steps === 0 ? null : (last.at - first.at) / steps;
      // One letter alone is a finger on a key.
      if (Array.from(text).length > 1) told.current({ text, msPerKey, suffix });
    };

    const take = (text: string, at: number) => {
      keys.push({ text, at });
      clearTimeout(timer);
      timer = setTimeout(() => end(null), PAUSE_MS);
    };

    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
      if (event.key === "Enter" || event.key === "Tab") {
        if (keys.length === 0) return;
        event.preventDefault();
        end(event.key);
      } else if (Array.from(event.key).length === 1) {
        // Space on a link or a button is that person's own.
        const onButton = event.target instanceof Element && event.target.closest("button, a") !== null;
        if (event.key === " " && onButton && keys.length === 0) return;
        event.preventDefault();
        take(event.key, event.timeStamp);
      }
    };

    // Text without keys, from an input method or a scanner service, comes into the field.
    const onInput = (event: Event) => {
      const input = field.current;
      if (input === null || (event instanceof InputEvent && event.isComposing)) return;
      const text = input.value;
      input.value = "";
      const ended = /[\r\n\t]+$/.exec(text)?.[0];
      take(text.replace(/[\r\n\t]+$/, ""), event.timeStamp);
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
