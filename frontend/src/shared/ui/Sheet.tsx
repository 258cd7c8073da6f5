import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "react";
import { t } from "@/shared/i18n/office";
import { Icon } from "./icons";

interface SheetProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

const REACHABLE = "a[href], button:not(:disabled), input, select, textarea, [tabindex='0']";

/**
 * A question over the page: from below on a phone, in the middle at a desk. Escape closes it. The focus goes to
 * `data-first`, else to what follows the cross: never an act that cannot be taken back, for the Enter of a
 * scanner presses what has the focus.
 */
export function Sheet({ title, onClose, children }: SheetProps) {
  const id = useId();
  const sheet = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  close.current = onClose;

  // Before the dialog is painted: a key pressed as soon as it is seen is its own.
  useLayoutEffect(() => {
    const before = document.activeElement;
    const inside = () => [...(sheet.current?.querySelectorAll<HTMLElement>(REACHABLE) ?? [])];
    (sheet.current?.querySelector<HTMLElement>("[data-first]") ?? inside()[1] ?? inside()[0])?.focus();
    const onKey = (event: KeyboardEvent) => {
      // One over another: only the one on top answers.
      if ([...document.querySelectorAll(".sheet")].at(-1) !== sheet.current) return;
      if (event.key === "Escape") close.current();
      if (event.key !== "Tab") return;
      const all = inside();
      const [first, last] = [all[0], all.at(-1)];
      const leaving = event.shiftKey ? document.activeElement === first : document.activeElement === last;
      if (!leaving) return;
      event.preventDefault();
      (event.shiftKey ? last : first)?.focus();
    };
    document.addEventListener("keydown", onKey);
    const scroll = document.body.style.overflow;
    document.body.style.overflow = "hidden";
    return () => {
      document.removeEventListener("keydown", onKey);
      document.body.style.overflow = scroll;
      // Somebody else, such as the field for the scanner, may have it already.
      const free = document.activeElement === null || document.activeElement === document.body;
      if (free && before instanceof HTMLElement) before.focus({ preventScroll: true });
    };
  }, []);

  return (
    <div class="sheet-veil" onClick={(event) => event.target === event.currentTarget && onClose()}>
      <div ref={sheet} class="sheet" role="dialog" aria-modal="true" aria-labelledby={id}>
        <div class="sheet-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="icon-button" aria-label={t("app.close")} onClick={onClose}>
            <Icon name="close" />
          </button>
        </div>
        {children}
      </div>
    </div>
  );
}
