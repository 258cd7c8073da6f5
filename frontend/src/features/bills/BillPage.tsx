import { useState } from "react";
import { useLocation } from "wouter";
import { useUser } from "@/shared/api/session";
import { save } from "@/shared/api/files";
import { moment, useCurrentLanguage } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { ScanField } from "@/shared/scanner/ScanField";
import { Bar } from "@/shared/ui/Bar";
import { BillDrawing } from "@/shared/ui/drawings";
import { Icon } from "@/shared/ui/icons";
import { Downloads } from "@/shared/ui/Download";
import { RefusedScans, SaidPanel } from "@/shared/ui/SaidPanel";
import { Note } from "@/shared/ui/parts";
import { Afterwards } from "./Afterwards";
import { BillForm } from "./BillForm";
import { exportBill, type Bill } from "./calls";
import { Complete } from "./Complete";
import { Parents } from "./Parents";
import { Delete, Reopen } from "./questions";
import { StateBadge } from "./State";
import { Story } from "./Story";
import { Totals } from "./Totals";
import { useBill } from "./useBill";

type Question = "edit" | "complete" | "reopen" | "delete";

/** One bill: scan parents onto it, watch its totals, complete it. */
export function BillPage({ id }: { id: number }) {
  const at = useBill(id);
  const [, go] = useLocation();
  const [question, setQuestion] = useState<Question | null>(null);
  const bill = at.bill.data;
  const close = () => setQuestion(null);
  const accept = (changed: Bill) => {
    at.accept(changed);
    void at.refreshRows();
  };

  if (bill === undefined)
    return (
      <>
        <Bar title={t("bill.title")} back="/bills" />
        <main class={at.bill.isError ? "middle" : "middle breathing"}>
          <BillDrawing class="office-drawing" />
          {at.bill.isError ? (
            <>
              <Note tone="refused" alert>
                {errorText(at.bill.error)}
              </Note>
              <button type="button" class="button" onClick={() => void at.bill.refetch()}>
                <Icon name="again" />
                {t("app.retry")}
              </button>
            </>
          ) : (
            <p>{t("app.loading")}</p>
          )}
        </main>
      </>
    );

  const open = bill.state !== "completed";
  return (
    <>
      <Bar title={bill.number} back="/bills">
        <StateBadge state={bill.state} />
      </Bar>
      <main class="page office work">
        <div class="work-side">
          {open && (
            <>
              <ScanField
                label={t("bill.scan")}
                hint={t("bill.scan.hint")}
                active={question === null}
                onCode={at.scan}
                toneOf={at.line.toneOf}
              />
              <SaidPanel line={at.line} ready={t("bill.word.ready")} />
            </>
          )}
          <Totals bill={bill} />
          <Actions bill={bill} ask={setQuestion} />
          {bill.parent_count > 0 && <Print bill={bill} />}
          {!open && <Afterwards bill={bill} />}
          <Facts bill={bill} />
        </div>
        <div class="work-main">
          <RefusedScans refused={at.line.refused} forget={at.line.forget} />
          <Parents bill={bill} at={at} />
          <Story id={bill.id} seen={bill.updated_at} />
        </div>
      </main>
      {question === "edit" && <BillForm bill={bill} onClose={close} onSaved={accept} />}
      {question === "complete" && (
        <Complete bill={bill} waiting={at.line.waiting.length} onClose={close} onDone={accept} />
      )}
      {question === "reopen" && <Reopen bill={bill} onClose={close} onDone={accept} />}
      {question === "delete" && <Delete bill={bill} onClose={close} onDone={() => go("/bills")} />}
    </>
  );
}

function Actions({ bill, ask }: { bill: Bill; ask: (question: Question) => void }) {
  const user = useUser();
  if (bill.state === "completed")
    return (
      <div class="acts">
        <button type="button" class="button" onClick={() => ask("reopen")}>
          <Icon name="again" />
          {t("bill.reopen")}
        </button>
      </div>
    );
  return (
    <div class="acts">
      {bill.parent_count > 0 && (
        <button type="button" class="button" data-kind="ok" data-size="scan" onClick={() => ask("complete")}>
          <span class="on-ok">
            <Icon name="ok" />
          </span>
          {t("bill.complete")}
        </button>
      )}
      <button type="button" class="button" onClick={() => ask("edit")}>
        <Icon name="edit" />
        {t("bill.edit")}
      </button>
      {user.role === "admin" && bill.parent_count === 0 && (
        <button type="button" class="button" onClick={() => ask("delete")}>
          <Icon name="bin" />
          {t("bill.delete")}
        </button>
      )}
    </div>
  );
}

function Print({ bill }: { bill: Bill }) {
  const lang = useCurrentLanguage() === "hi" ? "hi" : "en";
  const get = (format: "pdf" | "xlsx" | "csv", manifest: "parents" | "children" = "parents") =>
    save(exportBill(bill.id, format, manifest, lang), `${bill.number}.${format}`);
  return (
    <Downloads
      label={t("bill.print")}
      files={[
        { name: t("bill.print.pdf"), icon: "file", save: () => get("pdf") },
        { name: t("file.xlsx"), save: () => get("xlsx", "children") },
        { name: t("file.csv"), save: () => get("csv", "children") },
        { name: t("bill.print.children"), icon: "file", save: () => get("pdf", "children") },
      ]}
    />
  );
}

function Facts({ bill }: { bill: Bill }) {
  const facts: [string, string | null | undefined][] = [
    [t("bill.destination"), bill.destination],
    [t("bill.destinationArea"), bill.destination_area?.name],
    [t("bill.vehicle"), bill.vehicle],
    [t("bill.area"), bill.area?.name],
    [t("bill.description"), bill.description],
    [t("bill.made"), t("story.by", { who: bill.created_by.username, when: moment(bill.created_at) })],
    [
      t("bill.completed"),
      bill.completed_at &&
        t("story.by", { who: bill.completed_by?.username ?? "", when: moment(bill.completed_at) }),
    ],
  ];
  return (
    <section class="card lines" aria-label={t("bill.facts")}>
      <dl>
        {facts.map(
          ([name, value]) =>
            value && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </section>
  );
}
