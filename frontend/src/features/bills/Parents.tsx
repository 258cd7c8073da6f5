import { memo } from "preact/compat";
import { useCallback, useState } from "react";
import { Link } from "wouter";
import { ago, moment, number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { BigBag, Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Rows } from "@/shared/ui/Rows";
import { kg } from "@/shared/ui/weight";
import type { Bill, BilledBag } from "./calls";
import type { BillAtWork } from "./useBill";
import { warningText } from "./warnings";

/** Room for two lines and a target of 48 px, in px. */
const ROW = 68;
/** Below this, looking is quicker than searching. */
const SEARCH_FROM = 20;

/** The parents on a bill, the last scanned first. */
export function Parents({ bill, at }: { bill: Bill; at: BillAtWork }) {
  const { bags, rows, q, setQ } = at;
  const [problem, setProblem] = useState<unknown>(null);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = bags;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const open = bill.state !== "completed";
  const detach = (bag: BilledBag) => {
    setProblem(null);
    at.detach(bag).catch((error: unknown) => {
      setProblem(error);
      void at.refreshRows();
    });
  };
  return (
    <section class="card parents" aria-labelledby="parents">
      <header class="card-head">
        <h2 id="parents">{t("bill.parents")}</h2>
        {(bill.parent_count >= SEARCH_FROM || q !== "") && (
          <div class="field-box search-box small">
            <Icon name="find" />
            <input
              type="search"
              data-codes
              value={q}
              maxLength={128}
              autoComplete="off"
              spellcheck={false}
              aria-label={t("bill.parents.search")}
              placeholder={t("bill.parents.search")}
              onInput={(event) => setQ(event.currentTarget.value)}
            />
          </div>
        )}
      </header>
      {(problem !== null || bags.isError) && (
        <Note tone="refused" alert>
          {errorText(problem ?? bags.error)}
        </Note>
      )}
      {bags.isSuccess && rows.length === 0 && (
        <div class="empty">
          <BigBag class="office-drawing" />
          <p class="soft">{t(q === "" ? "bill.parents.none" : "bill.parents.none.found")}</p>
        </div>
      )}
      <Rows rows={rows} keyOf={keyOf} height={ROW} label={t("bill.parents")} onNearEnd={more}>
        {(bag) => <Parent bag={bag} onDetach={open ? detach : null} />}
      </Rows>
      {isFetchingNextPage && <p class="soft breathing">{t("app.loading")}</p>}
    </section>
  );
}

const keyOf = (bag: BilledBag) => bag.id;

interface ParentProps {
  bag: BilledBag;
  onDetach: ((bag: BilledBag) => void) | null;
}

// The next scan draws one row, not all of them; what a row can do is the same all along.
const Parent = memo(
  function Parent({ bag, onDetach }: ParentProps) {
    return (
      <div class="parent-row" data-testid="bill-parent" data-unusual={bag.warnings.length > 0 || undefined}>
        <Link href={`/find?code=${encodeURIComponent(bag.code)}`} class="parent-text">
          <span class="code parent-code">{bag.code}</span>
          {bag.warnings.length > 0 ? (
            <span class="parent-warning">
              <Icon name="waiting" />
              {bag.warnings.map((warning) => warningText(warning, bag)).join(" ")}
            </span>
          ) : (
            <time class="soft" dateTime={bag.attached_at} title={moment(bag.attached_at)}>
              {bag.attached_by === null
                ? ago(bag.attached_at)
                : t("story.by", { who: bag.attached_by.username, when: ago(bag.attached_at) })}
            </time>
          )}
        </Link>
        <span class="parent-size number">
          <span>
            <strong>{number(bag.child_count)}</strong>
            {bag.expected_children === null ? "" : ` / ${number(bag.expected_children)}`}
          </span>
          <span class="soft">{kg(bag.weight_kg)}</span>
        </span>
        {onDetach !== null && (
          <button
            type="button"
            class="icon-button"
            aria-label={t("bill.detach", { code: bag.code })}
            title={t("bill.detach", { code: bag.code })}
            onClick={() => onDetach(bag)}
          >
            <Icon name="close" />
          </button>
        )}
      </div>
    );
  },
  (before, after) => before.bag === after.bag && (before.onDetach === null) === (after.onDetach === null),
);
