import { useSyncExternalStore } from "react";
import { loaded } from "@/shared/ui/loaded";

/** Look for a new version this often, in ms; a page may stay open for weeks. */
const LOOK_MS = 30 * 60_000;

/** A first visit fetches the rest of the application this long after its first screen, in ms. */
const QUIET_MS = 2_000;

let next: ServiceWorker | null = null;
const watchers = new Set<() => void>();

function ready(worker: ServiceWorker | null): void {
  next = worker;
  for (const watcher of watchers) watcher();
}

/** Keeps the application on this device, so that it opens without network. */
export async function keepOnDevice(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  if (navigator.serviceWorker.controller === null) await loaded(QUIET_MS);
  const registration = await navigator.serviceWorker.register("/sw.js");
  const look = (worker: ServiceWorker | null) => {
    worker?.addEventListener("statechange", () => {
      // Without a controller this is the first version, which nobody needs to be told of.
      if (worker.state === "installed" && navigator.serviceWorker.controller !== null) ready(worker);
    });
  };
  if (registration.waiting !== null && navigator.serviceWorker.controller !== null)
    ready(registration.waiting);
  look(registration.installing);
  registration.addEventListener("updatefound", () => look(registration.installing));
  setInterval(() => void registration.update().catch(() => undefined), LOOK_MS);
}

/** Starts the new version; what waits to be sent stays stored and goes on after. */
function takeOver(): void {
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload());
  next?.postMessage("take-over");
}

/** How to start the new version, when there is one. */
export function useNewVersion(): (() => void) | null {
  const worker = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => next,
  );
  return worker === null ? null : takeOver;
}
