import { useSyncExternalStore } from "react";

/**
 * Proving again who one is, when the server asks for it before a dangerous act. Whatever call it was waits
 * here until the dialog has an answer, and is then made once more; several calls wait for one dialog.
 */
let asking: { promise: Promise<boolean>; answer: (proved: boolean) => void } | null = null;
const watchers = new Set<() => void>();

function show(next: typeof asking): void {
  asking = next;
  for (const watcher of watchers) watcher();
}

/** Asks; true when the server has accepted the proof, false when somebody would rather not. */
export function proveAgain(): Promise<boolean> {
  if (asking !== null) return asking.promise;
  let answer: (proved: boolean) => void = () => undefined;
  const promise = new Promise<boolean>((resolve) => {
    answer = (proved) => {
      show(null);
      resolve(proved);
    };
  });
  show({ promise, answer });
  return promise;
}

/** How to answer, while somebody is asked. */
export function useAskedAgain(): ((proved: boolean) => void) | null {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => asking?.answer ?? null,
  );
}
