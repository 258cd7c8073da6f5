import { lazy, Suspense } from "preact/compat";
import { useLayoutEffect, useRef, useState } from "react";
import { t } from "@/shared/i18n/office";
import type { Tone } from "@/shared/sound/sound";
import { Icon } from "@/shared/ui/icons";
import { isReserved } from "./commands";
import { useTaker } from "./keyboard";

const Camera = lazy(() => import("./camera/Camera"));

const unknown = () => null;

interface ScanFieldProps {
  label: string;
  hint: string;
  /** Off while a question lies over the page. */
  active: boolean;
  onCode: (code: string) => void;
  /** What came of a code so far, to mark it in the camera's picture. */
  toneOf?: (code: string) => Tone | null;
}

/**
 * A field one can see, for desks: a scanner or hands type into it wherever the focus was. Enter or Tab
 * ends a code; without either, a scanner's own pause does.
 */
export function ScanField({ label, hint, active, onCode, toneOf = unknown }: ScanFieldProps) {
  const input = useRef<HTMLInputElement>(null);
  const [keyboard, setKeyboard] = useState(false);
  const [camera, setCamera] = useState(false);
  const handler = useRef(onCode);
  handler.current = onCode;

  const give = (text: string) => {
    if (text.trim() !== "") handler.current(text);
  };
  useTaker({ onCode: give, field: () => input.current }, active);

  // Before the first picture: a scan that comes with it must not lose its first letters.
  useLayoutEffect(() => {
    const field = input.current;
    if (!active || field === null) return;
    const focus = () => field.focus({ preventScroll: true });

    /** What somebody typed by hand, or a scanner that is as slow. */
    const onFieldKey = (event: KeyboardEvent) => {
      if (event.isComposing || (event.key !== "Enter" && event.key !== "Tab")) return;
      if (event.key === "Tab" && (event.shiftKey || field.value.trim() === "")) return;
      event.preventDefault();
      const text = field.value;
      field.value = "";
      give(text);
    };

    const onInput = () => {
      // A scanner service pastes whole codes, each with its line end.
      if (!/[\r\n\t]/.test(field.value)) return;
      const pieces = field.value.split(/[\r\n\t]+/);
      field.value = pieces.pop() ?? "";
      pieces.forEach(give);
    };

    const onBlur = () => {
      setTimeout(() => {
        if (document.activeElement === null || document.activeElement === document.body) focus();
      });
    };
    const onClick = (event: MouseEvent) => {
      const at = event.target instanceof Element ? event.target : null;
      // A press by keyboard (detail 0) keeps the focus where that person put it.
      if (event.detail > 0 && at?.closest("input, textarea, select, label") == null) setTimeout(focus);
    };

    focus();
    field.addEventListener("keydown", onFieldKey);
    field.addEventListener("input", onInput);
    field.addEventListener("blur", onBlur);
    document.addEventListener("click", onClick);
    return () => {
      field.removeEventListener("keydown", onFieldKey);
      field.removeEventListener("input", onInput);
      field.removeEventListener("blur", onBlur);
      document.removeEventListener("click", onClick);
    };
  }, [active]);

  return (
    <div class="scan-field">
      <div class="field-box">
        <span class="scan-field-beam" aria-hidden="true" />
        <input
          ref={input}
          type="text"
          class="code"
          // A scanner needs no keyboard on the glass; hands ask for it.
          inputMode={keyboard ? "text" : "none"}
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          maxLength={2048}
          aria-label={label}
          placeholder={hint}
          enterKeyHint="done"
          data-testid="scan-field"
        />
        <button
          type="button"
          class="icon-button"
          aria-label={t("scanField.keyboard")}
          onMouseDown={(event) => event.preventDefault()}
          aria-pressed={keyboard}
          onClick={() => {
            const field = input.current;
            if (field === null) return;
            setKeyboard(!keyboard);
            field.inputMode = keyboard ? "none" : "text";
            // The keyboard on the glass comes and goes only with the focus, within the touch itself.
            field.blur();
            field.focus({ preventScroll: true });
          }}
        >
          <Icon name="keyboard" />
        </button>
        <button
          type="button"
          class="icon-button"
          aria-label={t("camera.title")}
          aria-pressed={camera}
          onClick={() => setCamera(!camera)}
        >
          <Icon name="camera" />
        </button>
      </div>
      {camera && (
        <Suspense fallback={null}>
          <Camera
            onCodes={(codes) => {
              // Commands one at a time: a whole sheet of them says nothing.
              if (!active || (codes.length > 1 && codes.some(isReserved))) return false;
              codes.forEach(give);
              return true;
            }}
            toneOf={toneOf}
            hint={t("camera.one")}
            onClose={() => setCamera(false)}
          />
        </Suspense>
      )}
    </div>
  );
}
