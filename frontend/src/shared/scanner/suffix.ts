/** What this device has learned of its scanner. */
const SUFFIX = "tracetrack.scanner-suffix";

/** Whether this device's scanner ends its codes with a suffix; null: none was used yet. */
export function knownSuffix(): boolean | null {
  const kept = localStorage.getItem(SUFFIX);
  return kept === null ? null : kept === "true";
}

/** Keeps it for the next time. Writing is slow on a phone, and it hardly ever changes. */
export function rememberSuffix(suffixed: boolean | null): void {
  if (suffixed !== null && suffixed !== knownSuffix()) localStorage.setItem(SUFFIX, String(suffixed));
}
