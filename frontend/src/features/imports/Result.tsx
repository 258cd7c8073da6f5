import { useState } from "react";
import { Link } from "wouter";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Figure } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";
import { startImport, undoImport, type Import } from "./calls";
import { nothingCame, rate } from "./ImportList";
import { Notices } from "./Notices";
import { Report } from "./Report";

interface ResultProps {
  one: Import;
  onChanged: (now: Import) => void;
  /** Look at the columns once more. */
  onAgain: () => void;
}

/** What came of an import; its counts add up to the rows of the file. */
export function Result({ one, onChanged, onAgain }: ResultProps) {
  const [asking, setAsking] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const act = async (work: () => Promise<Import>) => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      onChanged(await work());
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const done = one.state === "completed";
  const goesOn = one.dry_run || !done;
  const nothing = nothingCame(one);
  const mayUndo = done && !one.dry_run && one.undone_at === null && !nothing;
  return (
    <>
      {one.state === "failed" && <Note tone="refused">{one.error ?? t("problem.unexpected")}</Note>}
      {one.state === "cancelled" && <Note tone="waiting">{t("import.cancelled")}</Note>}
      {done && one.undone_at !== null && <Note tone="waiting">{t("import.undone")}</Note>}
      {done && one.dry_run && <Note tone="already">{t("import.tried")}</Note>}
      {done && !one.dry_run && one.undone_at === null && <Outcome one={one} />}
      <Notices notices={one.notices} />
      {done && <Counts one={one} />}
      {problem !== null && (
        <Note tone="refused" alert>
          {errorText(problem)}
        </Note>
      )}
      <div class="acts">
        {goesOn && (
          <>
            {done && (
              <button
                type="button"
                class="button"
                data-kind="main"
                data-size="scan"
                aria-disabled={busy}
                onClick={() =>
                  void act(() => startImport(one.id, { dry_run: false, confirm: one.same_as !== null }))
                }
              >
                <Icon name="in" />
                {t("import.go.real")}
              </button>
            )}
            <button type="button" class="button" data-size="scan" onClick={onAgain}>
              <Icon name="tune" />
              {t("import.correct")}
            </button>
          </>
        )}
        {mayUndo && (
          <button type="button" class="button" onClick={() => setAsking(true)}>
            <Icon name="undo" />
            {t("import.undo")}
          </button>
        )}
        <Link href="/imports" class="button">
          <Icon name="plus" />
          {t("import.other")}
        </Link>
      </div>
      {done && <Report one={one} />}
      {asking && (
        <Sheet title={t("import.undo.title")} onClose={() => setAsking(false)}>
          <div class="sheet-body">
            <p>{t("import.undo.why")}</p>
          </div>
          <div class="sheet-acts">
            <button type="button" class="button" data-first onClick={() => setAsking(false)}>
              {t("app.close")}
            </button>
            <button
              type="button"
              class="button"
              data-kind="main"
              onClick={() => {
                setAsking(false);
                void act(() => undoImport(one.id));
              }}
            >
              <Icon name="undo" />
              {t("import.undo")}
            </button>
          </div>
        </Sheet>
      )}
    </>
  );
}

/** What a completed import has done, in a sentence; green is only what was wholly taken. */
function Outcome({ one }: { one: Import }) {
  if (nothingCame(one))
    return one.rejected > 0 ? (
      <Note tone="refused">{t("import.done.none")}</Note>
    ) : (
      <Note tone="already">{t("import.done.known")}</Note>
    );
  const whole =
    one.rejected === 0 && !one.notices.some((notice) => notice.skipped && notice.code !== "sheet_empty");
  return (
    <Note tone={whole ? "ok" : "waiting"}>{t(one.rejected > 0 ? "import.done.some" : "import.done")}</Note>
  );
}

/** Every row of the file is one of these, so they add up. */
function Counts({ one }: { one: Import }) {
  const total = one.rows_total ?? 0;
  const parts = [
    { name: t(one.kind === "bags" ? "import.links" : "import.billed"), count: one.links_created, tone: "ok" },
    ...(one.parents_packed > 0
      ? [{ name: t("import.packed"), count: one.parents_packed, tone: "packed" }]
      : []),
    { name: t("import.alone"), count: one.parents_alone, tone: "kraft" },
    { name: t("import.duplicates"), count: one.duplicates_skipped, tone: "already" },
    { name: t("import.rejected"), count: one.rejected, tone: "refused" },
  ];
  return (
    <section class="card counts" aria-labelledby="counts" data-testid="counts">
      <h2 id="counts" class="number">
        {t("import.rows", { count: total })}
      </h2>
      <div class="stack" aria-hidden="true">
        {parts.map(
          ({ tone, count }) => count > 0 && <span key={tone} data-tone={tone} style={{ flexGrow: count }} />,
        )}
      </div>
      <dl class="sum">
        {parts.map(({ name, count, tone }, at) => (
          <div key={tone} data-tone={tone}>
            <dt>
              <span class="swatch" aria-hidden="true" />
              {name}
            </dt>
            <dd class="number">
              {at > 0 && <span aria-hidden="true">{"+ "}</span>}
              {number(count)}
            </dd>
          </div>
        ))}
        <div class="sum-total">
          <dt>{t("import.total")}</dt>
          <dd class="number" data-testid="rows-total">
            {number(total)}
          </dd>
        </div>
      </dl>
      <dl class="figures">
        {one.kind === "bills" ? (
          <Figure name={t("import.bills")}>{number(one.bills_created)}</Figure>
        ) : (
          <>
            <Figure name={t("import.parents")} testid="parents-created">
              {number(one.parents_created)}
            </Figure>
            <Figure name={t("import.children")} testid="children-created">
              {number(one.children_created)}
            </Figure>
            <Figure name={t("import.completed")} testid="parents-completed">
              {number(one.parents_completed)}
            </Figure>
          </>
        )}
        <Figure name={t("import.warnings")} tone={one.warnings > 0 ? "waiting" : undefined}>
          {number(one.warnings)}
        </Figure>
        <Figure name={t("import.seconds")}>
          {t("import.seconds.value", { seconds: number(Math.round((one.seconds ?? 0) * 10) / 10) })}
          <span class="soft figure-more">{rate(one)}</span>
        </Figure>
      </dl>
    </section>
  );
}
