import { loadFloor } from "@/shared/i18n/i18n";

/** What lies behind sign-in, with its sentences. */
export async function loadInside() {
  const [{ Inside }] = await Promise.all([import("./Inside"), loadFloor()]);
  return { default: Inside };
}

/** The same for somebody who was signed in before, begun before it is known whether he still is. */
export function loadAhead(): void {
  // A page that cannot be fetched is told of where it is shown.
  loadInside().catch(() => undefined);
  if (location.pathname === "/scan") import("@/features/scan/Scan").catch(() => undefined);
}
