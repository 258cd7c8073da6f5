/**
 * The one table of the desk: cursor paging, columns that are chosen and remembered, sorting where the
 * API sorts, filters in the address, filters kept under a name, files, print, and cards on a phone.
 *
 *     const filters = useFilters({ q: "", state: "", sort: "newest" });   // what it begins with
 *     const list = useList(["bags", filters.values], (cursor) => listBags(filters.values, cursor));
 *     <Table
 *       name="bags"                                  // under which choices are remembered
 *       label={t("bags.title")}
 *       list={list}
 *       keyOf={(bag) => bag.id}
 *       href={(bag) => `/find?code=${encodeURIComponent(bag.code)}`}   // or detail={(bag) => ...}
 *       columns={[
 *         { key: "code", name: t("..."), value: (bag) => <span class="code">{bag.code}</span>, sort: { up: "code" } },
 *         { key: "count", name: t("..."), value: (bag) => number(bag.child_count), number: true },
 *         { key: "made", name: t("..."), value: (bag) => <When at={bag.created_at} />, extra: true },
 *       ]}
 *       filters={filters}
 *       search={t("...")}                            // a box for the filter `q`
 *       lead={<button ...>}                          // the main act of the page
 *       rare={<>...</>}                              // filters behind a button; children stand in sight
 *       rareActive={filters.values.from !== ""}
 *       exports={(format) => exportTable("bags", { ... }, format)}
 *       empty={t("...")}
 *     >
 *       <Tabs .../>
 *     </Table>
 *
 * The first column names the row and cannot be hidden. A page of it is `<main class="page office">`.
 */
import { Fragment } from "preact";
import { useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { ago, moment } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { useColumnChoice } from "./kept";
import "./table.css";
import type { TableProps } from "./props";
import { Tools } from "./Tools";

export function Table<T>(props: TableProps<T>) {
  const { name, label, list, columns, keyOf, filters, empty, drawing } = props;
  const [choice, choose] = useColumnChoice(name);
  const shown = columns.filter((column, at) => at === 0 || (choice[column.key] ?? column.extra !== true));
  return (
    <>
      <Tools {...props} shown={shown} choose={choose} choice={choice} />
      {list.error !== null && (
        <div class="list-failed">
          <Note tone="refused" alert>
            {errorText(list.error)}
          </Note>
          <button type="button" class="button" onClick={list.again}>
            <Icon name="again" />
            {t("app.retry")}
          </button>
        </div>
      )}
      {list.pending && list.error === null ? (
        <Skeleton columns={shown.length} />
      ) : list.rows.length === 0 ? (
        list.error === null && (
          <div class="empty card" data-testid="list-empty">
            {drawing}
            <p>{filters?.active === true ? t("table.none.found") : empty}</p>
            {filters?.active === true && (
              <button type="button" class="button" onClick={filters.clear}>
                <Icon name="close" />
                {t("bills.clear")}
              </button>
            )}
          </div>
        )
      ) : (
        <div class={`card list-card${list.old ? " breathing" : ""}`}>
          <div class="list-scroll">
            <table class="list" role="table" aria-label={label}>
              <Head {...props} columns={shown} />
              <tbody role="rowgroup">
                {list.rows.map((row) => (
                  <Row key={keyOf(row)} {...props} row={row} columns={shown} />
                ))}
              </tbody>
            </table>
          </div>
          {list.more !== null && <More more={list.more} busy={list.fetchingMore} />}
        </div>
      )}
    </>
  );
}

function Head<T>({ columns, filters, detail }: TableProps<T>) {
  const now = filters?.values.sort;
  return (
    <thead role="rowgroup">
      <tr role="row">
        {columns.map(({ key, name, number, sort }) => {
          const up = sort?.up !== undefined && sort.up === now;
          const down = sort?.down !== undefined && sort.down === now;
          const next = up ? (sort.down ?? sort.up) : (sort?.up ?? sort?.down);
          return (
            <th
              key={key}
              role="columnheader"
              scope="col"
              data-number={number}
              aria-sort={up ? "ascending" : down ? "descending" : undefined}
            >
              {sort === undefined || filters === undefined ? (
                name
              ) : (
                <button type="button" onClick={() => next !== undefined && filters.change({ sort: next })}>
                  {name}
                  <span class="list-arrow" aria-hidden="true">
                    {up ? "▲" : down ? "▼" : "↕"}
                  </span>
                </button>
              )}
            </th>
          );
        })}
        {detail !== undefined && (
          <th role="columnheader" scope="col">
            <span class="hidden-visually">{t("table.detail")}</span>
          </th>
        )}
      </tr>
    </thead>
  );
}

interface RowProps<T> extends TableProps<T> {
  row: T;
}

function Row<T>({ row, columns, href, detail, look, testid }: RowProps<T>) {
  const [, go] = useLocation();
  const [open, setOpen] = useState(false);
  const to = href?.(row);
  const onClick = (event: MouseEvent) => {
    const at = event.target;
    if (!(at instanceof Element) || at.closest("a, button, input, select, label") !== null) return;
    // Who marks words to copy them does not want to leave.
    if (getSelection()?.isCollapsed === false) return;
    if (to !== undefined && (event.ctrlKey || event.metaKey)) open_(to);
    else if (to !== undefined) go(to);
    else if (detail !== undefined) setOpen(!open);
  };
  const acts = to !== undefined || detail !== undefined;
  return (
    <Fragment>
      <tr
        role="row"
        class="list-row"
        data-acts={acts || undefined}
        data-open={open || undefined}
        data-look={look?.(row)}
        data-testid={testid ?? "row"}
        onClick={acts ? onClick : undefined}
      >
        {columns.map((column, at) =>
          at === 0 ? (
            <th key={column.key} role="rowheader" scope="row" data-number={column.number}>
              {to === undefined ? column.value(row) : <Link href={to}>{column.value(row)}</Link>}
            </th>
          ) : (
            <td key={column.key} role="cell" data-name={column.name} data-number={column.number}>
              <span class="list-value">{column.value(row)}</span>
            </td>
          ),
        )}
        {detail !== undefined && (
          <td role="cell" class="list-more">
            <button
              type="button"
              class="icon-button"
              aria-expanded={open}
              aria-label={t("table.detail")}
              onClick={() => setOpen(!open)}
            >
              <Icon name="forward" />
            </button>
          </td>
        )}
      </tr>
      {open && detail !== undefined && (
        <tr role="row" class="list-detail">
          <td role="cell" colSpan={columns.length + 1}>
            {detail(row)}
          </td>
        </tr>
      )}
    </Fragment>
  );
}

const open_ = (to: string) => window.open(to, "_blank", "noopener");

/** The next page comes when its button comes into sight, or is pressed. */
function More({ more, busy }: { more: () => void; busy: boolean }) {
  const button = useRef<HTMLButtonElement>(null);
  const next = useRef(more);
  next.current = more;
  useEffect(() => {
    if (busy || button.current === null) return;
    const watch = new IntersectionObserver(
      ([seen]) => {
        if (seen?.isIntersecting === true) next.current();
      },
      { rootMargin: "600px" },
    );
    watch.observe(button.current);
    return () => watch.disconnect();
  }, [busy]);
  return (
    <button
      ref={button}
      type="button"
      class="button list-next"
      data-wide
      aria-disabled={busy}
      onClick={() => !busy && more()}
    >
      <span class={busy ? "breathing" : ""}>
        <Icon name="plus" />
      </span>
      {t("app.more")}
    </button>
  );
}

function Skeleton({ columns }: { columns: number }) {
  return (
    <div class="card list-card breathing" role="status" aria-label={t("app.loading")}>
      {Array.from({ length: 8 }, (_, row) => (
        <div key={row} class="list-ghost" aria-hidden="true">
          {Array.from({ length: Math.min(columns, 5) }, (_, cell) => (
            <span key={cell} />
          ))}
        </div>
      ))}
    </div>
  );
}

/** A moment as one reads it, with the exact time behind it. */
export function When({ at, exact }: { at: string; exact?: boolean }) {
  return (
    <time class="list-when" dateTime={at} title={moment(at)}>
      {exact === true ? moment(at) : ago(at)}
    </time>
  );
}
