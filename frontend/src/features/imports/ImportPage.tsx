import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { moment } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { useImport } from "@/shared/live/useLive";
import { Bar } from "@/shared/ui/Bar";
import { ImportDrawing } from "@/shared/ui/drawings";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { getImport, removeImport, type Import } from "./calls";
import { lookOf } from "./ImportList";
import { Preparing } from "./Preparing";
import { Running } from "./Running";
import { Result } from "./Result";

/** How often an import that is to run is looked at where the live stream does not tell of it, in ms. */
const LOOK_MS = 350;
/** And where it does: to be sure. */
const SURE_MS = 5_000;

export const importKey = (id: number) => ["import", id] as const;

const moves = (one: Pick<Import, "held" | "state"> | undefined): boolean =>
  one !== undefined && !one.held && (one.state === "queued" || one.state === "running");

/** Whether it has written nothing and never will by itself. */
const removable = (one: Import): boolean =>
  (one.held && one.state === "queued") ||
  one.state === "failed" ||
  one.state === "cancelled" ||
  (one.state === "completed" && one.dry_run);

function Remove({ one }: { one: Import }) {
  const [, go] = useLocation();
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const remove = async () => {
    if (busy) return;
    setBusy(true);
    try {
      await removeImport(one.id);
      void queries.invalidateQueries({ queryKey: ["imports"] });
      go("/imports");
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return (
    <div class="acts">
      <button type="button" class="button" aria-disabled={busy} onClick={() => void remove()}>
        <Icon name="close" />
        {t("import.remove")}
      </button>
      {problem !== null && (
        <Note tone="refused" alert>
          {errorText(problem)}
        </Note>
      )}
    </div>
  );
}

/** One import: look at it, run it, read what came of it. */
export function ImportPage({ id }: { id: number }) {
  const queries = useQueryClient();
  const [again, setAgain] = useState(false);
  const line = useImport(id, (moved) => {
    const known = queries.getQueryData<Import>(importKey(id));
    if (known !== undefined && moves(known) && moved?.state === "running")
      queries.setQueryData(importKey(id), { ...known, ...moved });
    else void queries.invalidateQueries({ queryKey: importKey(id), exact: true });
  });
  const found = useQuery({
    queryKey: importKey(id),
    queryFn: () => getImport(id),
    refetchInterval: ({ state: { data } }) => {
      if (!moves(data)) return false;
      return line.up && data?.state === "running" ? SURE_MS : LOOK_MS;
    },
    staleTime: 0,
  });
  const accept = (now: Import) => {
    setAgain(false);
    queries.setQueryData(importKey(id), now);
    void queries.invalidateQueries({ queryKey: ["import", id, "report"] });
  };
  const one = found.data;
  const waitsForUs = one !== undefined && one.held && one.state === "queued";
  return (
    <>
      <Bar title={one?.file_name ?? t("import.title")} back="/imports" />
      {one === undefined ? (
        <main class={found.isError ? "middle" : "middle breathing"}>
          <ImportDrawing class="office-drawing" />
          {found.isError ? (
            <Note tone="refused" alert>
              {errorText(found.error)}
            </Note>
          ) : (
            <p>{t("app.loading")}</p>
          )}
        </main>
      ) : (
        <main class="page office imports">
          <p class="import-said">
            <span class="badge" data-tone={lookOf(one).tone}>
              <Icon name={lookOf(one).icon} />
              {t(lookOf(one).key)}
            </span>
            <span class="soft">
              {t("story.by", { who: one.created_by.username, when: moment(one.created_at) })}
            </span>
          </p>
          {removable(one) && !again && <Remove one={one} />}
          {waitsForUs || again ? (
            <Preparing one={one} onStarted={accept} />
          ) : moves(one) ? (
            <Running one={one} onChanged={accept} />
          ) : (
            <Result one={one} onChanged={accept} onAgain={() => setAgain(true)} />
          )}
        </main>
      )}
    </>
  );
}
