import { useEffect, useState } from "react";
import { t } from "@/shared/i18n/office";
import { Downloads } from "@/shared/ui/Download";
import { Choice, Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Sheet } from "@/shared/ui/Sheet";
import { useSaved } from "./kept";
import type { Column, Format, TableProps } from "./props";
import type { Filters } from "./useFilters";

const SEARCH_PAUSE_MS = 250;
const FORMATS: readonly Format[] = ["xlsx", "csv"];

interface ToolsProps<T> extends TableProps<T> {
  shown: readonly Column<T>[];
  choice: Record<string, boolean>;
  choose: (choice: Record<string, boolean>) => void;
}

/** What stands above a table: what it is looked at by, and what can be done with it. */
export function Tools<T>(props: ToolsProps<T>) {
  const { name, filters, search, children, rare, rareActive, exports, columns, shown, lead } = props;
  const [open, setOpen] = useState(rareActive === true);
  const [asking, setAsking] = useState(false);
  const choosable = columns.length > 2;
  return (
    <div class="list-tools">
      {(search !== undefined || children !== undefined || lead !== undefined) && (
        <div class="office-head">
          {lead}
          <div class="filters" role={search === undefined ? undefined : "search"} aria-label={search}>
            {search !== undefined && filters !== undefined && <SearchBox label={search} filters={filters} />}
            {children}
          </div>
        </div>
      )}
      <div class="list-acts">
        {rare !== undefined && (
          <button type="button" class="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            <Icon name="tune" />
            {t("table.filters")}
          </button>
        )}
        {filters !== undefined && <SavedFilters name={name} filters={filters} />}
        <span class="list-space" />
        {choosable && (
          <button type="button" class="button" onClick={() => setAsking(true)}>
            <Icon name="columns" />
            {t("table.columns")}
          </button>
        )}
        {exports !== undefined && (
          <Downloads
            label={t("table.export")}
            files={FORMATS.map((format) => ({ name: t(`file.${format}`), save: () => exports(format) }))}
          />
        )}
        <button type="button" class="button list-print" onClick={() => print()}>
          <Icon name="print" />
          {t("table.print")}
        </button>
      </div>
      {open && rare !== undefined && <div class="filters-rare">{rare}</div>}
      {asking && <Columns {...props} shown={shown} onClose={() => setAsking(false)} />}
    </div>
  );
}

function SearchBox({ label, filters }: { label: string; filters: Filters<Record<string, string>> }) {
  const asked = filters.values.q ?? "";
  const [text, setText] = useState(asked);
  const [seen, setSeen] = useState(asked);
  // The address changed by itself: a kept search, or back.
  if (seen !== asked) {
    setSeen(asked);
    setText(asked);
  }
  useEffect(() => {
    if (text === asked) return;
    const timer = setTimeout(() => {
      setSeen(text);
      filters.change({ q: text });
    }, SEARCH_PAUSE_MS);
    return () => clearTimeout(timer);
  });
  return (
    <div class="field-box search-box">
      <Icon name="find" />
      <input
        type="search"
        name="q"
        data-codes
        value={text}
        maxLength={128}
        autoComplete="off"
        autoCapitalize="none"
        spellcheck={false}
        aria-label={label}
        placeholder={label}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </div>
  );
}

/** Filters that somebody keeps under a name, each one press away. */
function SavedFilters({ name, filters }: { name: string; filters: Filters<Record<string, string>> }) {
  const [saved, save] = useSaved(name);
  const [naming, setNaming] = useState<string | null>(null);
  const known = saved.some((one) => one.query === filters.query);
  const keep = () => {
    const word = (naming ?? "").trim();
    if (word === "") return;
    save([...saved.filter((one) => one.name !== word), { name: word, query: filters.query }]);
    setNaming(null);
  };
  return (
    <>
      {saved.map((one) => {
        const chosen = one.query === filters.query;
        return (
          <span key={one.name} class="chip" data-chosen={chosen || undefined}>
            <button
              type="button"
              aria-pressed={chosen}
              onClick={() => (chosen ? filters.clear() : filters.apply(one.query))}
            >
              <Icon name="star" />
              {one.name}
            </button>
            <button
              type="button"
              aria-label={t("table.forget", { name: one.name })}
              onClick={() => save(saved.filter((other) => other !== one))}
            >
              <Icon name="close" />
            </button>
          </span>
        );
      })}
      {filters.active && !known && (
        <button type="button" class="button" data-kind="plain" onClick={() => setNaming("")}>
          <Icon name="star" />
          {t("table.save")}
        </button>
      )}
      {filters.active && (
        <button type="button" class="button" data-kind="plain" onClick={filters.clear}>
          <Icon name="close" />
          {t("bills.clear")}
        </button>
      )}
      {naming !== null && (
        <Sheet title={t("table.save")} onClose={() => setNaming(null)}>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              keep();
            }}
          >
            <div class="sheet-body">
              <Line
                label={t("table.save.name")}
                hint={t("table.save.hint")}
                value={naming}
                onValue={setNaming}
                maxLength={40}
                required
                first
                name="saved-name"
              />
            </div>
            <div class="sheet-acts">
              <button type="submit" class="button" data-kind="main">
                <Icon name="star" />
                {t("bill.save")}
              </button>
            </div>
          </form>
        </Sheet>
      )}
    </>
  );
}

/** Which columns are shown, and on a phone, where there are no headings to press, the order. */
function Columns<T>({
  columns,
  shown,
  choice,
  choose,
  filters,
  onClose,
}: ToolsProps<T> & { onClose: () => void }) {
  const orders = columns.flatMap(({ name, sort }) => [
    ...(sort?.up === undefined ? [] : [{ value: sort.up, name: `${name} ▲` }]),
    ...(sort?.down === undefined ? [] : [{ value: sort.down, name: `${name} ▼` }]),
  ]);
  return (
    <Sheet title={t("table.columns")} onClose={onClose}>
      <div class="sheet-body">
        {orders.length > 0 && filters !== undefined && (
          <Choice
            label={t("table.order")}
            value={filters.values.sort ?? ""}
            options={orders}
            onValue={(sort) => filters.change({ sort })}
          />
        )}
        <ul class="list-columns">
          {columns.slice(1).map((column) => (
            <li key={column.key}>
              <label>
                <input
                  type="checkbox"
                  checked={shown.includes(column)}
                  onChange={(event) => choose({ ...choice, [column.key]: event.currentTarget.checked })}
                />
                {column.name}
              </label>
            </li>
          ))}
        </ul>
      </div>
      <div class="sheet-acts">
        <button type="button" class="button" onClick={() => choose({})}>
          <Icon name="again" />
          {t("table.columns.reset")}
        </button>
        <button type="button" class="button" data-kind="main" onClick={onClose}>
          {t("table.done")}
        </button>
      </div>
    </Sheet>
  );
}
