import { useEffect, useRef, type RefObject } from "react";
import { knownSuffix, rememberSuffix } from "./suffix";
import { WedgeReader } from "./wedge";

export interface Scanner {
  onCode: (code: string) => void;
  onSlowTyping: (text: string) => void;
  /** Off while a text field of the page is in use. */
  active: boolean;
}

/**
 * Reads a keyboard-wedge scanner wherever the focus is, and keeps the focus on `field`, which must be
 * visually hidden but really there: Android scanner services type into nothing otherwise.
 */
export function useScanner(
  field: RefObject<HTMLInputElement | null>,
  { onCode, onSlowTyping, active }: Scanner,
): void {
  const handlers = useRef({ onCode, onSlowTyping });
  handlers.current = { onCode, onSlowTyping };

  useEffect(() => {
    if (!active) return;
    const reader = new WedgeReader(
      {
        onCode: (code) => {
          rememberSuffix(reader.hasSuffix);
          handlers.current.onCode(code);
          focus();
        },
        onSlowTyping: (text) => handlers.current.onSlowTyping(text),
      },
      knownSuffix(),
    );

    const focus = () => field.current?.focus({ preventScroll: true });

    // Another field that somebody chose to type into, such as the search at the side of the desk.
    const elsewhere = (event: Event) => {
      const other = event.target instanceof Element ? event.target.closest("input, textarea, select") : null;
      return other !== null && other !== field.current;
    };

    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.altKey || event.metaKey || elsewhere(event)) return;
      // An input method is still composing: its text comes with compositionend or input.
      if (event.isComposing || event.key === "Process" || event.key === "Unidentified") return;
      // With nothing half typed, Space presses the focused button and Tab walks on, as for everybody.
      const onButton = event.target instanceof HTMLElement && event.target.closest("button, a") !== null;
      if (!reader.busy && ((event.key === " " && onButton) || event.key === "Tab")) return;
      const taken = reader.key(event.key, event.timeStamp);
      // Enter ends codes here and never presses a button, not even the second Enter of a scanner.
      if (taken || event.key === "Enter") event.preventDefault();
    };

    const onInput = (event: Event) => {
      const input = field.current;
      if (input === null || (event instanceof InputEvent && event.isComposing)) return;
      reader.text(input.value, event.timeStamp);
      input.value = "";
    };

    const onBlur = () => {
      // Let a button have the focus while it is pressed; take it back from nowhere at once.
      setTimeout(() => {
        if (document.activeElement === null || document.activeElement === document.body) focus();
      });
    };

    const onClick = (event: MouseEvent) => {
      // A press by keyboard (detail 0) keeps the focus where that person put it.
      if (event.detail > 0 && !elsewhere(event)) setTimeout(focus);
    };

    const input = field.current;
    focus();
    document.addEventListener("keydown", onKeyDown, true);
    document.addEventListener("click", onClick);
    addEventListener("focus", focus);
    input?.addEventListener("input", onInput);
    input?.addEventListener("compositionend", onInput);
    input?.addEventListener("blur", onBlur);
    return () => {
      // Keys that came while a text field was on its way belong into that field.
      const rest = reader.rest();
      if (rest !== "") handlers.current.onSlowTyping(rest);
      document.removeEventListener("keydown", onKeyDown, true);
      document.removeEventListener("click", onClick);
      removeEventListener("focus", focus);
      input?.removeEventListener("input", onInput);
      input?.removeEventListener("compositionend", onInput);
      input?.removeEventListener("blur", onBlur);
    };
  }, [active, field]);
}
