import type { Layout } from "./strokes";

/** What this device has learned of its scanner. */
const SUFFIX = "tracetrack.scanner-suffix";
const SCANNER = "tracetrack.scanner";

/** What the set-up page found out about the scanner of this device. */
export interface Learned {
  layout: Layout | null;
  /** Signs in front of and behind each code that no label has. */
  prefix: string;
  suffix: string;
  /** From key to key, in ms. */
  msPerKey: number | null;
}

const NOTHING: Learned = { layout: null, prefix: "", suffix: "", msPerKey: null };

let learned: Learned | undefined;

/** What the set-up page has taught this device; nothing before. */
export function learnedScanner(): Learned {
  if (learned !== undefined) return learned;
  learned = NOTHING;
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(SCANNER) ?? "{}");
    if (typeof kept === "object" && kept !== null) learned = { ...NOTHING, ...kept };
  } catch {
    // Written by somebody else: as if nothing were known.
  }
  return learned;
}

/** Keeps what the set-up page found. */
export function learnScanner(scanner: Learned): void {
  learned = scanner;
  localStorage.setItem(SCANNER, JSON.stringify(scanner));
}

/** Whether this device's scanner ends its codes with a suffix; null: none was used yet. */
export function knownSuffix(): boolean | null {
  const kept = localStorage.getItem(SUFFIX);
  return kept === null ? null : kept === "true";
}

/** Keeps it for the next time. Writing is slow on a phone, and it hardly ever changes. */
export function rememberSuffix(suffixed: boolean | null): void {
  if (suffixed !== null && suffixed !== knownSuffix()) localStorage.setItem(SUFFIX, String(suffixed));
}
