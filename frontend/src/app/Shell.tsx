import type { ComponentChildren } from "preact";
import { lazy, Suspense } from "preact/compat";
import { useSyncExternalStore } from "react";
import { useUser } from "@/shared/api/session";
import type { Job } from "./jobs";
import "./shell.css";

const Rail = lazy(async () => {
  const { loadOffice } = await import("@/shared/i18n/office");
  const [loaded] = await Promise.all([import("./desk/Rail"), loadOffice()]);
  return loaded;
});

const wide = matchMedia("(min-width: 60rem)");
const useWide = () =>
  useSyncExternalStore(
    (watcher) => {
      wide.addEventListener("change", watcher);
      return () => wide.removeEventListener("change", watcher);
    },
    () => wide.matches,
  );

/** The page, and for the desk at a wide screen the side that leads everywhere. The floor has neither. */
export function Shell({ jobs, children }: { jobs: readonly Job[]; children: ComponentChildren }) {
  const desk = useUser().role !== "dispatcher";
  const rail = useWide() && desk;
  // The page stands in the same place either way, so that turning a tablet does not begin it anew.
  return (
    <div class={rail ? "desk" : "shell"}>
      <div class="shell-side">
        {rail && (
          <Suspense fallback={null}>
            <Rail jobs={jobs} />
          </Suspense>
        )}
      </div>
      <div class="shell-page">{children}</div>
    </div>
  );
}
