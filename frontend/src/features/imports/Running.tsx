import { useState } from "react";
import { number } from "@/shared/i18n/i18n";
import { t, type OfficeKey } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { cancelImport, type Import } from "./calls";
import { rate } from "./ImportList";

const PHASES: Record<NonNullable<Import["phase"]>, OfficeKey> = {
  reading: "import.phase.reading",
  staging: "import.phase.staging",
  merging: "import.phase.merging",
};

/** A running import: how far it is, how fast, how long still. */
export function Running({ one, onChanged }: { one: Import; onChanged: (now: Import) => void }) {
  const [problem, setProblem] = useState<unknown>(null);
  const percent = Math.round(one.progress * 100);
  return (
    <section class="card running" aria-labelledby="phase" data-testid="running">
      <h2 id="phase">{t(one.phase === null ? "import.state.queued" : PHASES[one.phase])}</h2>
      <p class="percent number" data-testid="percent">
        {number(percent)}
        <span class="soft">{t("import.percent")}</span>
      </p>
      <div
        class="meter big"
        role="progressbar"
        aria-labelledby="phase"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
      >
        <span style={{ width: `${one.progress * 100}%` }} />
      </div>
      <p class="running-facts soft number">
        <span>
          {one.rows_total === null
            ? t("import.rowsRead", { count: one.rows_read })
            : t("import.rowsDone", { done: number(one.rows_done), total: number(one.rows_total) })}
        </span>
        <span>{rate(one)}</span>
        <span>
          {one.seconds_left != null &&
            t("import.left", { seconds: number(Math.max(1, Math.ceil(one.seconds_left))) })}
        </span>
      </p>
      {problem !== null && (
        <Note tone="refused" alert>
          {errorText(problem)}
        </Note>
      )}
      <button
        type="button"
        class="button"
        onClick={() => {
          setProblem(null);
          cancelImport(one.id).then(onChanged, setProblem);
        }}
      >
        <Icon name="close" />
        {t("import.cancel")}
      </button>
    </section>
  );
}
