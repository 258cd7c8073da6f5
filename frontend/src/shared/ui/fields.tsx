import type { ComponentChildren } from "preact";
import { useId } from "react";
import { Icon } from "./icons";

/** What is wrong with a field, said right below it. */
function Wrong({ id, children }: { id: string; children: string }) {
  return (
    <span class="line-wrong" id={id} role="alert">
      <Icon name="refused" />
      {children}
    </span>
  );
}

/** The ids of what says more about a field. */
const said = (id: string, hint: string | undefined, wrong: string | undefined): string | undefined =>
  [hint !== undefined && `${id}-hint`, wrong !== undefined && `${id}-wrong`].filter(Boolean).join(" ") ||
  undefined;

interface LineProps {
  label: string;
  hint?: string | undefined;
  /** What is wrong with it. */
  wrong?: string | undefined;
  value: string;
  onValue: (value: string) => void;
  type?: "text" | "number" | "date" | "search";
  maxLength?: number;
  required?: boolean;
  min?: number;
  max?: number;
  step?: number | "any";
  first?: boolean;
  name?: string;
  placeholder?: string;
  inputMode?: "numeric";
  autoComplete?: "one-time-code" | "username" | "off";
  list?: string;
  /** A scanner may type into it. */
  "data-codes"?: true;
}

/** One line of a form at a desk. */
export function Line({ label, hint, wrong, onValue, first, type = "text", ...rest }: LineProps) {
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
        aria-invalid={wrong === undefined ? undefined : true}
        aria-describedby={said(id, hint, wrong)}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      {wrong !== undefined && <Wrong id={`${id}-wrong`}>{wrong}</Wrong>}
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
  hint?: string | undefined;
  wrong?: string | undefined;
  value: string;
  onValue: (value: string) => void;
  maxLength: number;
  required?: boolean;
  first?: boolean;
  /** A scanner may type into it. */
  "data-codes"?: true;
}

export function Paragraph({ label, hint, wrong, onValue, first, ...rest }: ParagraphProps) {
  const id = useId();
  return (
    <div class="line">
      <label for={id}>{label}</label>
      <textarea
        {...rest}
        id={id}
        rows={3}
        data-first={first || undefined}
        aria-invalid={wrong === undefined ? undefined : true}
        aria-describedby={said(id, hint, wrong)}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      {wrong !== undefined && <Wrong id={`${id}-wrong`}>{wrong}</Wrong>}
      {hint !== undefined && (
        <span class="soft" id={`${id}-hint`}>
          {hint}
        </span>
      )}
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
  hint?: string | undefined;
  wrong?: string | undefined;
  name?: string;
}

/** One of a few, from a list. */
export function Choice({ label, value, options, onValue, hideLabel, hint, wrong, name }: ChoiceProps) {
  const id = useId();
  return (
    <div class="line">
      <label for={id} class={hideLabel ? "hidden-visually" : ""}>
        {label}
      </label>
      <select
        id={id}
        name={name}
        value={value}
        aria-invalid={wrong === undefined ? undefined : true}
        aria-describedby={said(id, hint, wrong)}
        onChange={(event) => onValue(event.currentTarget.value)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.name}
          </option>
        ))}
      </select>
      {wrong !== undefined && <Wrong id={`${id}-wrong`}>{wrong}</Wrong>}
      {hint !== undefined && (
        <span class="soft" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
}

/** One of a few, all in sight. */
export function Tabs({
  label,
  value,
  options,
  onValue,
}: Pick<ChoiceProps, "label" | "value" | "options" | "onValue">) {
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
