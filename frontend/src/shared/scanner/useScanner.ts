import { useEffect, type RefObject } from "react";
import { isTyped, takeText, useTaker } from "./keyboard";

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
  const focus = () => field.current?.focus({ preventScroll: true });
  useTaker(
    {
      onCode: (code) => {
        onCode(code);
        focus();
      },
      onSlowTyping,
      overQuestions: true,
      ownsEnter: true,
    },
    active,
  );

  useEffect(() => {
    if (!active) return;
    // Another field that somebody chose to type into, such as the search at the side of the desk.
    const elsewhere = (event: Event) => {
      const other = event.target instanceof Element ? event.target.closest("input, textarea, select") : null;
      return other !== null && other !== field.current;
    };

    const onInput = (event: Event) => {
      const input = field.current;
      if (input === null || (event instanceof InputEvent && event.isComposing)) return;
      if (!isTyped()) takeText(input.value, event.timeStamp);
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
    document.addEventListener("click", onClick);
    addEventListener("focus", focus);
    input?.addEventListener("input", onInput);
    input?.addEventListener("compositionend", onInput);
    input?.addEventListener("blur", onBlur);
    return () => {
      document.removeEventListener("click", onClick);
      removeEventListener("focus", focus);
      input?.removeEventListener("input", onInput);
      input?.removeEventListener("compositionend", onInput);
      input?.removeEventListener("blur", onBlur);
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the field stays the same
  }, [active, field]);
}
