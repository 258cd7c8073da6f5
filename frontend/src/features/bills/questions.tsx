import { useState } from "react";
import { t } from "@/shared/i18n/office";
import { Paragraph } from "@/shared/ui/fields";
import { Question } from "@/shared/ui/Question";
import { deleteBill, reopenBill, type Bill } from "./calls";

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
