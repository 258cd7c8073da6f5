import { useState } from "react";
import { Link } from "wouter";
import type { Problem } from "@/shared/api/types";
import { t } from "@/shared/i18n/office";
import { errorText, problemText } from "@/shared/i18n/problem";
import type { RefusedScan, ScanLine } from "@/shared/scanner/useScanLine";
import { Icon } from "./icons";
import { ToneIcon } from "./parts";

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
export function SaidPanel({ line, ready }: { line: ScanLine; ready: string }) {
  const { said, waiting, linkDown } = line;
  const [undoing, setUndoing] = useState<unknown>(null);
  const undo = (act: () => Promise<void> | void) => {
    setUndoing(null);
    void Promise.resolve(act()).catch(setUndoing);
  };
  return (
    <section
      class="verdict"
      data-tone={said === null ? "none" : said.tone}
      data-kind={said?.kind}
      data-testid="verdict"
      aria-live="assertive"
    >
      {said === null ? (
        <p class="verdict-ready">{ready}</p>
      ) : (
        <div class="verdict-said" key={said.id + said.kind}>
          <Icon name={said.icon ?? said.tone} />
          <div class="verdict-text">
            <strong>{t(said.word)}</strong>
            <span class="code" data-testid="verdict-code">
              {said.code}
            </span>
            {said.lines.map((one) => (
              <span key={one} class="number">
                {one}
              </span>
            ))}
            {said.warnings?.map((warning) => (
              <span key={warning} class="verdict-warning">
                {warning}
              </span>
            ))}
            {said.problem !== null && (
              <span data-testid="verdict-why">
                <Why problem={said.problem} />
              </span>
            )}
            {undoing !== null && <span role="alert">{errorText(undoing)}</span>}
          </div>
          {said.undo !== null && (
            <button type="button" class="verdict-undo" onClick={() => said.undo !== null && undo(said.undo)}>
              <Icon name="undo" />
              {t("scan.undo")}
            </button>
          )}
        </div>
      )}
      {waiting.length > 0 && linkDown && (
        <p class="verdict-waiting number" role="status">
          <Icon name="waiting" />
          {t("said.waiting", { count: waiting.length })}
        </p>
      )}
    </section>
  );
}

interface RefusedScansProps {
  refused: readonly RefusedScan[];
  forget: (one: RefusedScan) => void;
}

/** Refused scans stay until somebody has seen them. */
export function RefusedScans({ refused, forget }: RefusedScansProps) {
  if (refused.length === 0) return null;
  return (
    <section class="card refused-scans" aria-label={t("said.refused.list")} data-testid="refused-scans">
      <h2>{t("said.refused.count", { count: refused.length })}</h2>
      <ul>
        {refused.map((one) => (
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
              aria-label={t("said.refused.seen", { code: one.code })}
              onClick={() => forget(one)}
            >
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
