import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ApiProblem } from "@/shared/api/problems";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Figure } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note, ToneIcon } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";
import { kg, signed } from "@/shared/ui/weight";
import { bagsOn, completeBill, getBill, type Bill, type BilledBag } from "./calls";
import { warningText } from "./warnings";

/** All unusual parents of a bill; a question is asked once, so reading every page is fair. */
async function unusual(id: number): Promise<BilledBag[]> {
  const found: BilledBag[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof bagsOn>> = await bagsOn(id, "", cursor, 200);
    found.push(...page.items.filter((bag) => bag.warnings.length > 0));
    cursor = page.next_cursor ?? null;
  } while (cursor !== null);
  return found;
}

interface CompleteProps {
  bill: Bill;
  waiting: number;
  onClose: () => void;
  onDone: (bill: Bill) => void;
}

/** The summary to check; what was checked is what is completed, or the server says that it moved. */
export function Complete({ bill, waiting, onClose, onDone }: CompleteProps) {
  const [seen, setSeen] = useState(bill);
  const [moved, setMoved] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const odd = useQuery({
    queryKey: ["bill", bill.id, "unusual"],
    queryFn: () => unusual(bill.id),
    staleTime: 0,
  });

  const complete = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      const { parent_count, child_count, weight_kg } = seen;
      onDone(await completeBill(bill.id, { parent_count, child_count, weight_kg }));
      onClose();
    } catch (error) {
      if (error instanceof ApiProblem && error.problem.code === "totals_changed") {
        setMoved(true);
        await getBill(bill.id).then(setSeen, setProblem);
      } else setProblem(error);
    } finally {
      setBusy(false);
    }
  };

  const short = seen.target_parents === null ? 0 : seen.target_parents - seen.parent_count;
  return (
    <Sheet title={t("bill.complete.title", { number: seen.number })} onClose={onClose}>
      <div class="sheet-body">
        <p>{t("bill.complete.why")}</p>
        <dl class="figures large" data-testid="summary">
          <Figure name={t("bill.parents")} tone={short === 0 ? undefined : "waiting"}>
            {number(seen.parent_count)}
            {seen.target_parents !== null && ` / ${number(seen.target_parents)}`}
          </Figure>
          <Figure name={t("bill.children")}>{number(seen.child_count)}</Figure>
          <Figure name={t("bill.weight")}>{kg(seen.weight_kg)}</Figure>
          <Figure name={t("bill.variance")} tone={seen.variance_kg === 0 ? undefined : "waiting"}>
            {signed(seen.variance_kg)}
          </Figure>
        </dl>
        {moved && (
          <Note tone="waiting" alert>
            {t("bill.complete.moved")}
          </Note>
        )}
        {waiting > 0 && <Note tone="refused">{t("bill.complete.waiting", { count: waiting })}</Note>}
        {odd.isPending && <p class="soft breathing">{t("bill.complete.checking")}</p>}
        {odd.isSuccess && odd.data.length === 0 && <Note tone="ok">{t("bill.complete.usual")}</Note>}
        {odd.isSuccess && odd.data.length > 0 && (
          <details class="odd">
            <summary>
              <ToneIcon tone="waiting" />
              {t("bill.complete.odd", { count: odd.data.length })}
            </summary>
            <ul>
              {odd.data.slice(0, 200).map((bag) => (
                <li key={bag.id}>
                  <span class="code">{bag.code}</span>
                  <span class="soft">{bag.warnings.map((one) => warningText(one, bag)).join(" ")}</span>
                </li>
              ))}
            </ul>
          </details>
        )}
        {problem !== null && (
          <Note tone="refused" alert>
            {errorText(problem)}
          </Note>
        )}
      </div>
      <div class="sheet-acts">
        <button type="button" class="button" data-first onClick={onClose}>
          {t("bill.complete.back")}
        </button>
        <button
          type="button"
          class="button"
          data-kind="ok"
          aria-disabled={busy || waiting > 0}
          onClick={() => waiting === 0 && void complete()}
        >
          <span class="on-ok">
            <Icon name="ok" />
          </span>
          {t("bill.complete.go")}
        </button>
      </div>
    </Sheet>
  );
}
