/** One value of a thing, as it was and as it is. */
export interface Change {
  name: string;
  before: string | null;
  after: string | null;
  changed: boolean;
}

type Values = Record<string, unknown> | null;

/** What differs comes first, each part in the order in which the event names it. */
export function difference(before: Values, after: Values): Change[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const changes = names.map((name): Change => {
    const was = word(before, name);
    const is = word(after, name);
    return { name, before: was, after: is, changed: was !== is };
  });
  return [...changes.filter((one) => one.changed), ...changes.filter((one) => !one.changed)];
}

/** A value as text; null where the event does not have it. */
function word(values: Values, name: string): string | null {
  if (values === null || !(name in values)) return null;
  const value = values[name];
  if (value === null) return "–";
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return JSON.stringify(value, null, 1);
}
