import type { ComponentChildren } from "preact";
import { useId } from "react";

interface LineProps {
  label: string;
  hint?: string | undefined;
  value: string;
  onValue: (value: string) => void;
  type?: "text" | "number" | "date" | "search";
  maxLength?: number;
  required?: boolean;
  min?: number;
  max?: number;
  first?: boolean;
  name?: string;
  placeholder?: string;
}

/** One line of a form at a desk. */
export function Line({ label, hint, onValue, first, type = "text", ...rest }: LineProps) {
  const id = useId();
  // The typings want each kind of field by itself.
  const kind = { type } as { type: "text" };
  return (
    <div class="line">
      <label for={id}>{label}</label>
      <input
        autoComplete="off"
        {...rest}
        {...kind}
        id={id}
        data-first={first || undefined}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      {hint !== undefined && (
        <span class="soft" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

interface ParagraphProps {
  label: string;
  value: string;
  onValue: (value: string) => void;
  maxLength: number;
  required?: boolean;
  first?: boolean;
}

export function Paragraph({ label, onValue, first, ...rest }: ParagraphProps) {
  const id = useId();
  return (
    <div class="line">
      <label for={id}>{label}</label>
      <textarea
        {...rest}
        id={id}
        rows={3}
        data-first={first || undefined}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    </div>
  );
}

export interface Option {
  value: string;
  name: string;
}

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly Option[];
  onValue: (value: string) => void;
  hideLabel?: boolean;
}

/** One of a few, from a list. */
export function Choice({ label, value, options, onValue, hideLabel }: ChoiceProps) {
  const id = useId();
  return (
    <div class="line">
      <label for={id} class={hideLabel ? "hidden-visually" : ""}>
        {label}
      </label>
      <select id={id} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.name}
          </option>
        ))}
      </select>
    </div>
  );
}

/** One of a few, all in sight. */
export function Tabs({ label, value, options, onValue }: Omit<ChoiceProps, "hideLabel">) {
  const name = useId();
  return (
    <fieldset class="tabs">
      <legend class="hidden-visually">{label}</legend>
      {options.map((option) => (
        <label key={option.value} data-chosen={option.value === value || undefined}>
          <input
            type="radio"
            class="hidden-visually"
            name={name}
            value={option.value}
            checked={option.value === value}
            onChange={() => onValue(option.value)}
          />
          {option.name}
        </label>
      ))}
    </fieldset>
  );
}

/** A number with its name, as on a scale's dial. */
export function Figure({
  name,
  tone,
  children,
  testid,
}: {
  name: string;
  tone?: "ok" | "waiting" | "refused" | undefined;
  children: ComponentChildren;
  testid?: string;
}) {
  return (
    <div class="figure" data-tone={tone}>
      <dt>{name}</dt>
      <dd class="number" data-testid={testid}>
        {children}
      </dd>
    </div>
  );
}
