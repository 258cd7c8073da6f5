import { createContext } from "preact";
import { useContext, useEffect, useState, useSyncExternalStore } from "react";
import { alone } from "@/shared/api/session";
import { askArrived, deliver } from "./deliver";
import { nothing, ScanQueue, type News, type QueueView } from "./queue";
import { scanStore } from "./store";

/** Look for scans left by another tab, and try again after silence, this often, in ms. */
const TICK_MS = 20_000;

export const QueueContext = createContext<ScanQueue | null>(null);

/** Where this tab's chain is, over a reload; another tab has a chain of its own. */
function placeOf(userId: number) {
  const name = `tracetrack.chain.${userId}`;
  return {
    read: () => {
      const kept = sessionStorage.getItem(name);
      return kept === null ? undefined : kept || null;
    },
    write: (head: string | null) => sessionStorage.setItem(name, head ?? ""),
  };
}

/** The queue of one user, alive as long as he is signed in. Null until its store is open. */
export function useQueueOf(userId: number | null): ScanQueue | null {
  const [queue, setQueue] = useState<ScanQueue | null>(null);
  const [failed, setFailed] = useState<Error | null>(null);
  useEffect(() => {
    if (userId === null) return;
    let mine: ScanQueue | null = null;
    let gone = false;
    const channel = "BroadcastChannel" in window ? new BroadcastChannel("tracetrack-queue") : null;
    const tell = (news: News) => channel?.postMessage(news);
    const open = async () => {
      const opened = await scanStore();
      if (gone) return;
      mine = new ScanQueue({
        store: opened,
        userId,
        deliver,
        askArrived,
        alone,
        tell,
        place: placeOf(userId),
      });
      const told = mine;
      if (channel !== null) channel.onmessage = (event: MessageEvent<News>) => told.hear(event.data);
      await mine.load();
      setQueue(mine);
      mine.wake();
    };
    open().catch((error: unknown) => setFailed(error instanceof Error ? error : new Error(String(error))));
    const wake = () => {
      if (document.visibilityState === "visible") mine?.wake();
    };
    const timer = setInterval(wake, TICK_MS);
    addEventListener("online", wake);
    addEventListener("focus", wake);
    document.addEventListener("visibilitychange", wake);
    return () => {
      gone = true;
      mine?.close();
      channel?.close();
      setQueue(null);
      clearInterval(timer);
      removeEventListener("online", wake);
      removeEventListener("focus", wake);
      document.removeEventListener("visibilitychange", wake);
    };
  }, [userId]);
  // Without a store no scan would be safe: the page says so rather than wait for ever.
  if (failed !== null) throw failed;
  return queue;
}

export function useQueue(): ScanQueue {
  const queue = useContext(QueueContext);
  if (queue === null) throw new Error("no scan queue here");
  return queue;
}

const watchLine = (watcher: () => void): (() => void) => {
  addEventListener("online", watcher);
  addEventListener("offline", watcher);
  return () => {
    removeEventListener("online", watcher);
    removeEventListener("offline", watcher);
  };
};

/** Whether the device itself has a network; the server may be away all the same. */
export const useOnline = (): boolean => useSyncExternalStore(watchLine, () => navigator.onLine);

export function useQueueView(queue: ScanQueue | null): QueueView {
  return useSyncExternalStore(
    (watcher) => queue?.subscribe(watcher) ?? (() => undefined),
    () => queue?.snapshot() ?? nothing,
  );
}
