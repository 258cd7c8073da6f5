import { useState } from "react";
import { Link } from "wouter";
import { number } from "@/shared/i18n/i18n";
import { t, type OfficeKey } from "@/shared/i18n/office";
import { errorText, problemText } from "@/shared/i18n/problem";
import type { Problem } from "@/shared/api/types";
import { Icon } from "@/shared/ui/icons";
import { ToneIcon } from "@/shared/ui/parts";
import type { BilledBag, Warning } from "./calls";
import type { BillAtWork, Verdict } from "./useBill";

const WORDS: Record<Verdict["kind"], OfficeKey> = {
  sending: "bill.word.sending",
  attached: "bill.word.attached",
  already: "bill.word.already",
  refused: "bill.word.refused",
  detached: "bill.word.detached",
};

export function warningText(warning: Warning, bag: BilledBag): string {
  return warning === "no_children"
    ? t("bill.warning.no_children")
    : t("bill.warning.far_from_expected", {
        count: number(bag.child_count),
        expected: number(bag.expected_children ?? 0),
      });
}

/** The bill that a parent is on instead. */
function otherBill(problem: Problem): { id: number; number: string } | null {
  const bill = problem.bill;
  if (problem.code !== "bag_on_other_bill" || typeof bill !== "object" || bill === null) return null;
  const { id, number: name } = bill as Record<string, unknown>;
  return typeof id === "number" && typeof name === "string" ? { id, number: name } : null;
}

function Why({ problem }: { problem: Problem }) {
  const other = otherBill(problem);
  if (other === null) return <>{problemText(problem)}</>;
  return (
    <>
      {t("bill.onOther", { number: other.number })}{" "}
      <Link href={`/bills/${other.id}`} class="inline-link">
        {t("bill.onOther.open")}
      </Link>
    </>
  );
}

/** What came of the last scan, large enough to be read from the pallet. */
export function VerdictPanel({ at }: { at: BillAtWork }) {
  const { verdict } = at;
  const [undoing, setUndoing] = useState<unknown>(null);
  const bag = verdict?.bag ?? null;
  const undo = (act: () => Promise<void> | void) => {
    setUndoing(null);
    void Promise.resolve(act()).catch(setUndoing);
  };
  return (
    <section
      class="verdict"
      data-tone={verdict === null ? "none" : verdict.tone}
      data-kind={verdict?.kind}
      data-testid="verdict"
      aria-live="assertive"
    >
      {verdict === null ? (
        <p class="verdict-ready">{t("bill.word.ready")}</p>
      ) : (
        <div class="verdict-said" key={verdict.id + verdict.kind}>
          <Icon name={verdict.kind === "detached" ? "undo" : verdict.tone} />
          <div class="verdict-text">
            <strong>{t(WORDS[verdict.kind])}</strong>
            <span class="code" data-testid="verdict-code">
              {verdict.code}
            </span>
            {bag !== null && verdict.kind !== "detached" && (
              <span class="number">
                {t("bill.inside", { count: bag.child_count, kg: number(bag.weight_kg) })}
              </span>
            )}
            {bag?.warnings.map((warning) => (
              <span key={warning} class="verdict-warning">
                {warningText(warning, bag)}
              </span>
            ))}
            {verdict.problem !== null && (
              <span data-testid="verdict-why">
                <Why problem={verdict.problem} />
              </span>
            )}
            {undoing !== null && <span role="alert">{errorText(undoing)}</span>}
          </div>
          {bag !== null && verdict.kind === "attached" && (
            <button type="button" class="verdict-undo" onClick={() => undo(() => at.detach(bag))}>
              <Icon name="undo" />
              {t("scan.undo")}
            </button>
          )}
          {bag !== null && verdict.kind === "detached" && (
            <button type="button" class="verdict-undo" onClick={() => undo(() => at.scan(bag.code))}>
              <Icon name="undo" />
              {t("scan.undo")}
            </button>
          )}
        </div>
      )}
      {at.waiting.length > 0 && at.linkDown && (
        <p class="verdict-waiting number" role="status">
          <Icon name="waiting" />
          {t("bill.waiting", { count: at.waiting.length })}
        </p>
      )}
    </section>
  );
}

/** Refused scans stay until somebody has seen them. */
export function RefusedScans({ at }: { at: BillAtWork }) {
  return (
    <section class="card refused-scans" aria-label={t("bill.refused")} data-testid="refused-scans">
      <h2>{t("bill.refused.count", { count: at.refused.length })}</h2>
      <ul>
        {at.refused.map((one) => (
          <li key={one.id}>
            <ToneIcon tone="refused" />
            <span class="refused-text">
              <span class="code">{one.code}</span>
              <span class="soft">
                <Why problem={one.problem} />
              </span>
            </span>
            <button
              type="button"
              class="icon-button"
              aria-label={t("bill.refused.seen", { code: one.code })}
              onClick={() => at.forget(one)}
            >
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
