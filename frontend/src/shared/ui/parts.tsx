import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "react";
import { t } from "@/shared/i18n/i18n";
import type { Outcome, Tone } from "@/shared/sound/sound";
import { Icon, type IconName } from "./icons";

/** A sentence with its outcome's shape and colour. `alert` is read out at once. */
export function Note({
  tone,
  alert,
  children,
}: {
  tone: Tone;
  alert?: boolean;
  children: ComponentChildren;
}) {
  return (
    <p class="note" data-tone={tone} role={alert ? "alert" : undefined}>
      <ToneIcon tone={tone} />
      <span>{children}</span>
    </p>
  );
}

/** The shape of each outcome. */
export const SHAPES: Record<Outcome, IconName> = {
  ok: "ok",
  full: "star",
  over: "plus",
  short: "gauge",
  already: "already",
  completed: "label",
  other: "move",
  ask: "help",
  refused: "refused",
  waiting: "waiting",
  out: "sign-out",
};

/** An outcome's shape in its colour. */
export function ToneIcon({ tone, name = SHAPES[tone] }: { tone: Outcome; name?: IconName }) {
  return (
    <span class="tone-icon" data-tone={tone}>
      <Icon name={name} />
    </span>
  );
}

export interface PasswordFieldProps {
  label: string;
  hint?: string;
  value: string;
  onValue: (value: string) => void;
  autoComplete: "current-password" | "new-password";
  name: string;
  /** Takes the focus in a sheet. */
  first?: boolean;
  wrong?: string | undefined;
}

/** A password that can be looked at: gloves and small keys make mistakes. */
export function PasswordField({
  label,
  hint,
  value,
  onValue,
  autoComplete,
  name,
  first,
  wrong,
}: PasswordFieldProps) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const look: { type: "text" } | { type: "password" } = shown ? { type: "text" } : { type: "password" };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="field-box">
        <Icon name="lock" />
        <input
          id={id}
          name={name}
          {...look}
          value={value}
          required
          maxLength={256}
          autoComplete={autoComplete}
          autoCapitalize="none"
          spellcheck={false}
          data-first={first || undefined}
          aria-invalid={wrong === undefined ? undefined : true}
          aria-describedby={hint === undefined ? undefined : `${id}-hint`}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
        <button
          type="button"
          class="icon-button"
          aria-label={t(shown ? "signIn.hide" : "signIn.show")}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
        >
          <Icon name={shown ? "eye-off" : "eye"} />
        </button>
      </div>
      {wrong !== undefined && (
        <Note tone="refused" alert>
          {wrong}
        </Note>
      )}
      {hint !== undefined && (
        <span class="soft" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

export interface TextFieldProps {
  label: string;
  icon: IconName;
  value: string;
  onValue: (value: string) => void;
  name?: string;
  required?: boolean;
  maxLength: number;
  autoComplete?: "username" | "one-time-code" | "off";
  enterKeyHint?: "done" | "search";
  /** Takes the focus when it appears, the caret at the end. */
  focusFirst?: boolean;
  /** A scanner may type into it. */
  "data-codes"?: true;
  children?: ComponentChildren;
}

export function TextField({ label, icon, onValue, focusFirst, children, ...rest }: TextFieldProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (focusFirst !== true) return;
    input.current?.focus();
    // The caret goes to the end: typing may have begun before the field was there.
    const end = input.current?.value.length ?? 0;
    input.current?.setSelectionRange(end, end);
  }, [focusFirst]);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="field-box">
        <Icon name={icon} />
        <input
          autoComplete="off"
          {...rest}
          ref={input}
          id={id}
          type="text"
          autoCapitalize="none"
          spellcheck={false}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
        {children}
      </div>
    </div>
  );
}
