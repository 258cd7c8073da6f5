import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useLocation, useSearchParams } from "wouter";
import { useAreas } from "@/shared/api/areas";
import { ago, moment, number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Bar } from "@/shared/ui/Bar";
import { Choice, Line, Tabs } from "@/shared/ui/fields";
import { BillDrawing } from "@/shared/ui/drawings";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { BillForm } from "./BillForm";
import { listBills, type Bill, type BillFilters, type BillState } from "./calls";
import { STATES, StateBadge, Target } from "./State";

const NAMES = ["q", "state", "from", "to", "area"] as const;
const SEARCH_PAUSE_MS = 250;

const isState = (text: string): text is BillState => text in STATES;

/** What is looked for stands in the address, so that coming back shows the same list. */
function useFilters(): [BillFilters, (change: Partial<BillFilters>) => void] {
  const [params, setParams] = useSearchParams();
  const get = (name: string) => params.get(name) ?? "";
  const state = get("state");
  const filters = {
    q: get("q"),
    state: isState(state) ? state : ("" as const),
    from: get("from"),
    to: get("to"),
    area: get("area"),
  };
  const change = (some: Partial<BillFilters>) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        for (const name of NAMES) {
          const value = some[name];
          if (value === undefined) continue;
          if (value === "") after.delete(name);
          else after.set(name, value);
        }
        return after;
      },
      { replace: true },
    );
  return [filters, change];
}

export function BillList() {
  const [filters, change] = useFilters();
  const [, go] = useLocation();
  const [making, setMaking] = useState(false);
  const pages = useInfiniteQuery({
    queryKey: ["bills", filters],
    queryFn: ({ pageParam }) => listBills(filters, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: (before) => before,
    staleTime: 0,
  });
  const bills = pages.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = NAMES.some((name) => filters[name] !== "");

  return (
    <>
      <Bar title={t("bills.title")} />
      <main class="page office">
        <div class="office-head">
          <button
            type="button"
            class="button"
            data-kind="main"
            data-size="scan"
            onClick={() => setMaking(true)}
          >
            <Icon name="plus" />
            {t("bills.new")}
          </button>
          <Filters filters={filters} change={change} />
        </div>
        {pages.isError && (
          <Note tone="refused" alert>
            {errorText(pages.error)}
          </Note>
        )}
        {pages.isSuccess && bills.length === 0 ? (
          <div class="middle">
            <BillDrawing class="office-drawing" />
            <p>{t(filtered ? "bills.none.found" : "bills.none")}</p>
          </div>
        ) : (
          <div class={`card table bill-table${pages.isPlaceholderData ? " breathing" : ""}`}>
            <div class="table-head" aria-hidden="true">
              <span>{t("bill.number")}</span>
              <span>{t("bill.destination")}</span>
              <span class="right">{t("bill.parents")}</span>
              <span class="right">{t("bill.weight")}</span>
              <span>{t("bill.made")}</span>
            </div>
            <ul>
              {bills.map((bill) => (
                <li key={bill.id}>
                  <Row bill={bill} />
                </li>
              ))}
            </ul>
            {pages.hasNextPage && (
              <button
                type="button"
                class="button"
                data-wide
                aria-disabled={pages.isFetchingNextPage}
                onClick={() => void pages.fetchNextPage()}
              >
                <Icon name="plus" />
                {t("app.more")}
              </button>
            )}
          </div>
        )}
      </main>
      {making && (
        <BillForm bill={null} onClose={() => setMaking(false)} onSaved={(bill) => go(`/bills/${bill.id}`)} />
      )}
    </>
  );
}

function Row({ bill }: { bill: Bill }) {
  return (
    <Link href={`/bills/${bill.id}`} class="table-row" data-testid="bill-row">
      <span class="bill-name">
        <strong class="code">{bill.number}</strong>
        <StateBadge state={bill.state} />
      </span>
      <span class="bill-where">
        {bill.destination || bill.destination_area?.name || t("bill.destination.none")}
        {bill.vehicle !== "" && <span class="soft">{bill.vehicle}</span>}
      </span>
      <span class="bill-size right number">
        <span>
          <strong>{number(bill.parent_count)}</strong>
          {bill.target_parents !== null && ` / ${number(bill.target_parents)}`}
          <span class="phone-only soft"> {t("bill.parents.word", { count: bill.parent_count })}</span>
        </span>
        <Target count={bill.parent_count} target={bill.target_parents} />
      </span>
      <span class="bill-weight right number">{t("find.weight.kg", { kg: number(bill.weight_kg) })}</span>
      <span class="bill-made soft">
        <time dateTime={bill.created_at} title={moment(bill.created_at)}>
          {ago(bill.created_at)}
        </time>
        <span>{bill.created_by.username}</span>
      </span>
      <Icon name="forward" />
    </Link>
  );
}

interface FiltersProps {
  filters: BillFilters;
  change: (change: Partial<BillFilters>) => void;
}

function Filters({ filters, change }: FiltersProps) {
  const areas = useAreas();
  const [text, setText] = useState(filters.q);
  const rare = filters.from !== "" || filters.to !== "" || filters.area !== "";
  const [open, setOpen] = useState(rare);
  useEffect(() => {
    if (text === filters.q) return;
    const timer = setTimeout(() => change({ q: text }), SEARCH_PAUSE_MS);
    return () => clearTimeout(timer);
  });
  return (
    <div class="filters" role="search">
      <div class="field-box search-box">
        <Icon name="find" />
        <input
          type="search"
          value={text}
          maxLength={128}
          autoComplete="off"
          spellcheck={false}
          aria-label={t("bills.search")}
          placeholder={t("bills.search")}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <Tabs
        label={t("bills.state")}
        value={filters.state}
        onValue={(state) => change({ state: isState(state) ? state : "" })}
        options={[
          { value: "", name: t("bills.state.all") },
          { value: "new", name: t("bill.state.new") },
          { value: "processing", name: t("bill.state.processing") },
          { value: "completed", name: t("bill.state.completed") },
        ]}
      />
      <button type="button" class="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name="tune" />
        {t("bills.more")}
      </button>
      {open && (
        <div class="filters-rare">
          <Line
            type="date"
            label={t("bills.from")}
            value={filters.from}
            onValue={(from) => change({ from })}
          />
          <Line type="date" label={t("bills.to")} value={filters.to} onValue={(to) => change({ to })} />
          {areas.length > 0 && (
            <Choice
              label={t("find.area")}
              value={filters.area}
              onValue={(area) => change({ area })}
              options={[
                { value: "", name: t("bills.area.all") },
                ...areas.map((area) => ({ value: String(area.id), name: area.name })),
              ]}
            />
          )}
          {rare && (
            <button
              type="button"
              class="button"
              data-kind="plain"
              onClick={() => change({ from: "", to: "", area: "" })}
            >
              <Icon name="close" />
              {t("bills.clear")}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
