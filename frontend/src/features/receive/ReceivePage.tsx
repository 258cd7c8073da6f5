import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useUser } from "@/shared/api/session";
import { moment, number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { ScanField } from "@/shared/scanner/ScanField";
import { useScanLine, type Said } from "@/shared/scanner/useScanLine";
import { Bar } from "@/shared/ui/Bar";
import { ReceiveDrawing } from "@/shared/ui/drawings";
import { Figure, Paragraph } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Question } from "@/shared/ui/Question";
import { RefusedScans, SaidPanel } from "@/shared/ui/SaidPanel";
import {
  finishReceipt,
  getBill,
  receiptsOf,
  scanReceived,
  startReceipt,
  takeBack,
  type Outcome,
  type Receipt,
} from "./calls";
import { Items, itemsKey } from "./Items";

const receiptsKey = (id: number) => ["bill", id, "receipts"] as const;

/** One bill at its far end: what was received of it, and the receipt that is being made. */
export function ReceivePage({ id }: { id: number }) {
  const queries = useQueryClient();
  const bill = useQuery({ queryKey: ["bill", id], queryFn: () => getBill(id), staleTime: 0 });
  const receipts = useQuery({
    queryKey: receiptsKey(id),
    queryFn: () => receiptsOf(id),
    staleTime: 0,
    // Two people may unload one lorry.
    refetchInterval: (query) => (query.state.data?.some((one) => one.finished_at === null) ? 3_000 : false),
  });
  const [problem, setProblem] = useState<unknown>(null);
  const accept = (now: Receipt) => {
    void queries.cancelQueries({ queryKey: receiptsKey(id) });
    queries.setQueryData<Receipt[]>(receiptsKey(id), (all) =>
      all?.some((one) => one.id === now.id)
        ? all.map((one) => (one.id === now.id ? now : one))
        : [now, ...(all ?? [])],
    );
  };
  const start = () => {
    setProblem(null);
    startReceipt(id).then((answer) => accept(answer.receipt), setProblem);
  };
  const error = problem ?? bill.error ?? receipts.error;
  const open = receipts.data?.find((one) => one.finished_at === null);
  const done = receipts.data?.filter((one) => one.finished_at !== null) ?? [];
  return (
    <>
      <Bar title={bill.data?.number ?? t("receive.title")} back="/receive" />
      <main class="page office">
        {error !== null && (
          <Note tone="refused" alert>
            {errorText(error)}
          </Note>
        )}
        {bill.data !== undefined && receipts.data !== undefined && (
          <>
            {open === undefined ? (
              <section class="card receive-start">
                <ReceiveDrawing class="office-drawing" />
                <p class="receive-count number">
                  <strong>{number(bill.data.parent_count)}</strong>{" "}
                  {t("bill.parents.word", { count: bill.data.parent_count })}
                </p>
                <p>{[bill.data.destination, bill.data.vehicle].filter(Boolean).join(" · ")}</p>
                {bill.data.state === "completed" && (
                  <button type="button" class="button" data-kind="main" data-size="scan" onClick={start}>
                    <Icon name="in" />
                    {t(done.length > 0 ? "receive.start.again" : "receive.start")}
                  </button>
                )}
              </section>
            ) : (
              <Working key={open.id} title={bill.data.number} receipt={open} accept={accept} />
            )}
            {done.map((receipt) => (
              <Done key={receipt.id} title={bill.data.number} receipt={receipt} />
            ))}
          </>
        )}
      </main>
    </>
  );
}

const SAYS: Record<Outcome, Pick<Said, "tone" | "word" | "icon">> = {
  found: { tone: "ok", word: "receive.word.found" },
  already_found: { tone: "already", word: "receive.word.already" },
  excess: { tone: "waiting", word: "receive.word.excess", icon: "refused" },
  already_excess: { tone: "already", word: "receive.word.already" },
};

interface WorkingProps {
  title: string;
  receipt: Receipt;
  accept: (now: Receipt) => void;
}

function Working({ title, receipt, accept }: WorkingProps) {
  const queries = useQueryClient();
  const user = useUser();
  const [finishing, setFinishing] = useState(false);
  const [note, setNote] = useState("");
  const changed = (now: Receipt) => {
    accept(now);
    void queries.invalidateQueries({ queryKey: itemsKey(receipt.id) });
  };
  const remove = async (code: string) => changed(await takeBack(receipt.bill_id, receipt.id, code));
  const line = useScanLine({
    line: { user_id: user.id, page: `/receive/${receipt.bill_id}`, id: receipt.id, title },
    send: (scan) => scanReceived(receipt.bill_id, receipt.id, scan),
    onAnswer: (scan, answer): Said => {
      changed(answer.receipt);
      const fresh = answer.outcome === "found" || answer.outcome === "excess";
      return {
        id: scan.scan_id,
        kind: answer.outcome,
        ...SAYS[answer.outcome],
        code: answer.code,
        lines: answer.child_count === null ? [] : [t("receive.inside", { count: answer.child_count })],
        problem: null,
        undo: fresh
          ? async () => {
              await remove(answer.code);
              line.say({
                id: `${scan.scan_id}-undone`,
                tone: "already",
                kind: "undone",
                word: "receive.word.undone",
                icon: "undo",
                code: answer.code,
                lines: [],
                problem: null,
                undo: null,
              });
            }
          : null,
      };
    },
  });
  const share = receipt.expected_count === 0 ? 1 : receipt.found_count / receipt.expected_count;
  return (
    <div class="work">
      <div class="work-side">
        <ScanField
          label={t("bill.scan")}
          hint={t("bill.scan.hint")}
          active={!finishing}
          onCode={line.scan}
          toneOf={line.toneOf}
        />
        <SaidPanel line={line} ready={t("receive.ready")} />
        <section class="card totals" aria-label={t("bill.totals")} data-testid="receipt-totals">
          <p class="receive-count number">
            <strong data-testid="found-count">{number(receipt.found_count)}</strong>
            {` / ${number(receipt.expected_count)} `}
            <span class="soft">{t("receive.found")}</span>
          </p>
          <div
            class="meter"
            role="progressbar"
            aria-label={t("receive.found")}
            aria-valuemin={0}
            aria-valuemax={receipt.expected_count}
            aria-valuenow={receipt.found_count}
            data-full={receipt.short_count === 0 || undefined}
          >
            <span style={{ width: `${share * 100}%` }} />
          </div>
        </section>
        <div class="acts">
          <button
            type="button"
            class="button"
            data-kind="ok"
            data-size="scan"
            onClick={() => setFinishing(true)}
          >
            <span class="on-ok">
              <Icon name="ok" />
            </span>
            {t("receive.finish")}
          </button>
        </div>
      </div>
      <div class="work-main">
        <RefusedScans refused={line.refused} forget={line.forget} />
        <Items receipt={receipt} onTakeBack={remove} />
      </div>
      {finishing && (
        <Question
          title={t("receive.finish.title")}
          go={t("receive.finish")}
          icon="ok"
          onClose={() => setFinishing(false)}
          act={async () => {
            changed(await finishReceipt(receipt.bill_id, receipt.id, note));
          }}
        >
          <Counts receipt={receipt} />
          {line.waiting.length > 0 && (
            <Note tone="refused">{t("bill.complete.waiting", { count: line.waiting.length })}</Note>
          )}
          <Paragraph label={t("receive.note")} value={note} maxLength={2000} onValue={setNote} />
        </Question>
      )}
    </div>
  );
}

function Counts({ receipt }: { receipt: Receipt }) {
  return (
    <dl class="figures three">
      <Figure name={t("receive.found")} tone="ok" testid="receipt-found">
        {number(receipt.found_count)}
      </Figure>
      <Figure
        name={t("receive.short")}
        tone={receipt.short_count > 0 ? "refused" : undefined}
        testid="receipt-short"
      >
        {number(receipt.short_count)}
      </Figure>
      <Figure
        name={t("receive.excess")}
        tone={receipt.excess_count > 0 ? "waiting" : undefined}
        testid="receipt-excess"
      >
        {number(receipt.excess_count)}
      </Figure>
    </dl>
  );
}

/** A receipt as it is kept on the bill. */
function Done({ title, receipt }: { title: string; receipt: Receipt }) {
  const user = useUser();
  // Scans that were still waiting when somebody else finished it: their answer is wanted all the same.
  const left = useScanLine({
    line: { user_id: user.id, page: `/receive/${receipt.bill_id}`, id: receipt.id, title },
    send: (scan) => scanReceived(receipt.bill_id, receipt.id, scan),
    onAnswer: (scan, { outcome, code }): Said => ({
      id: scan.scan_id,
      kind: outcome,
      ...SAYS[outcome],
      code,
      lines: [],
      problem: null,
      undo: null,
    }),
  });
  return (
    <section class="card receipt" aria-label={t("receive.receipt")} data-testid="receipt">
      <h2>{t("receive.receipt")}</h2>
      <p class="soft">
        {t("story.by", {
          who: receipt.finished_by?.username ?? receipt.started_by.username,
          when: moment(receipt.finished_at ?? receipt.started_at),
        })}
      </p>
      <Counts receipt={receipt} />
      {receipt.note !== "" && <p class="receipt-note">{receipt.note}</p>}
      <RefusedScans refused={left.refused} forget={left.forget} />
      <Items receipt={receipt} />
    </section>
  );
}
