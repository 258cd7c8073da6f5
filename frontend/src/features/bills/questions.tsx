import type { ComponentChildren } from "preact";
import { useState } from "react";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Paragraph } from "@/shared/ui/fields";
import { Icon, type IconName } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";
import { deleteBill, reopenBill, type Bill } from "./calls";

interface QuestionProps {
  title: string;
  go: string;
  icon: IconName;
  onClose: () => void;
  act: () => Promise<void>;
  children: ComponentChildren;
}

/** A question with one act; what goes wrong is said in place. */
function Question({ title, go, icon, onClose, act, children }: QuestionProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const run = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await act();
      onClose();
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Sheet title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <div class="sheet-body">
          {children}
          {problem !== null && (
            <Note tone="refused" alert>
              {errorText(problem)}
            </Note>
          )}
        </div>
        <div class="sheet-acts">
          <button type="button" class="button" onClick={onClose}>
            {t("app.close")}
          </button>
          <button type="submit" class="button" data-kind="main" aria-disabled={busy}>
            <Icon name={icon} />
            {go}
          </button>
        </div>
      </form>
    </Sheet>
  );
}

interface BillQuestionProps<Done> {
  bill: Bill;
  onClose: () => void;
  onDone: Done;
}

export function Reopen({ bill, onClose, onDone }: BillQuestionProps<(bill: Bill) => void>) {
  const [reason, setReason] = useState("");
  return (
    <Question
      title={t("bill.reopen.title", { number: bill.number })}
      go={t("bill.reopen")}
      icon="again"
      onClose={onClose}
      act={async () => onDone(await reopenBill(bill.id, reason))}
    >
      <p>{t("bill.reopen.why")}</p>
      <Paragraph
        label={t("bill.reopen.reason")}
        value={reason}
        maxLength={500}
        required
        first
        onValue={setReason}
      />
    </Question>
  );
}

export function Delete({ bill, onClose, onDone }: BillQuestionProps<() => void>) {
  return (
    <Question
      title={t("bill.delete.title", { number: bill.number })}
      go={t("bill.delete")}
      icon="bin"
      onClose={onClose}
      act={async () => {
        await deleteBill(bill.id, bill.etag);
        onDone();
      }}
    >
      <p>{t("bill.delete.why")}</p>
    </Question>
  );
}
