import { useQuery } from "@tanstack/react-query";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { api, take } from "@/shared/api/calls";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { cleanCode } from "@/shared/queue/codes";
import { Icon, type IconName } from "@/shared/ui/icons";
import type { Job } from "../jobs";

/** Asked this long after the last letter, in ms. */
const PAUSE_MS = 120;

interface Hit {
  key: string;
  to: string;
  icon: IconName;
  name: ComponentChildren;
  more: string;
}

const search = (q: string) => take(api.GET("/api/v1/search", { params: { query: { q } } }));

function useLater(text: string): string {
  const [late, setLate] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setLate(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return late;
}

/** One box for a code or part of it, a bill, a person, a page: answers while one types. */
export function SearchEverything({
  jobs,
  called,
}: {
  jobs: readonly Job[];
  /** Takes the focus, with this text. */
  called: { text: string } | null;
}) {
  const id = useId();
  const [, go] = useLocation();
  const box = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const q = useLater(cleanCode(text));
  const found = useQuery({
    queryKey: ["search", q],
    queryFn: () => search(q),
    enabled: open && q !== "",
    placeholderData: (before) => before,
    staleTime: 2_000,
  });

  useEffect(() => {
    if (called === null) return;
    setText(called.text);
    setOpen(called.text !== "");
    input.current?.focus();
  }, [called]);

  useEffect(() => {
    if (!open) return;
    const away = (event: PointerEvent) => {
      if (event.target instanceof Node && box.current?.contains(event.target) === false) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);

  const groups = useMemo(() => {
    const low = q.toLowerCase();
    const pages = q === "" ? [] : jobs.filter((job) => t(job.name).toLowerCase().includes(low));
    const data = q === "" ? undefined : found.data;
    const all: { name: string; hits: Hit[] }[] = [
      {
        name: t("desk.search.bags"),
        hits: (data?.bags ?? []).map((bag) => ({
          key: `bag-${bag.id}`,
          to: `/find?code=${encodeURIComponent(bag.code)}`,
          icon: bag.kind === "parent" ? "weight" : "label",
          name: <span class="code">{bag.code}</span>,
          more: [
            t(bag.state === "free" ? "state.loose" : `state.${bag.state}`),
            bag.area?.name,
            bag.parent?.code,
          ]
            .filter(Boolean)
            .join(" · "),
        })),
      },
      {
        name: t("bills.title"),
        hits: (data?.bills ?? []).map((bill) => ({
          key: `bill-${bill.id}`,
          to: `/bills/${bill.id}`,
          icon: "bill",
          name: <span class="code">{bill.number}</span>,
          more: `${number(bill.parent_count)} ${t("bill.parents.word", { count: bill.parent_count })}`,
        })),
      },
      {
        name: t("desk.search.people"),
        hits: (data?.users ?? []).map((user) => ({
          key: `user-${user.id}`,
          to: `/people/${user.id}`,
          icon: "person",
          name: user.full_name || user.username,
          more: `${user.username} · ${t(`role.${user.role}`)}`,
        })),
      },
      {
        name: t("desk.search.pages"),
        hits: pages.map((job) => ({
          key: job.path,
          to: job.path,
          icon: job.icon,
          name: t(job.name),
          more: t(job.hint),
        })),
      },
    ];
    return all.filter((group) => group.hits.length > 0);
  }, [q, jobs, found.data]);
  const hits = groups.flatMap((group) => group.hits);
  const chosen = hits[Math.min(at, hits.length - 1)];

  const leave = (to: string) => {
    setOpen(false);
    setText("");
    input.current?.blur();
    go(to);
  };
  const leaveFor = useRef(leave);
  leaveFor.current = leave;
  useEffect(() => {
    const field = input.current;
    // What a scanner types here is looked up as it is.
    const onCode = (event: Event) => {
      if (!(event instanceof CustomEvent) || typeof event.detail !== "string") return;
      event.preventDefault();
      leaveFor.current(`/find?code=${encodeURIComponent(cleanCode(event.detail))}`);
    };
    field?.addEventListener("code", onCode);
    return () => field?.removeEventListener("code", onCode);
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") {
      if (open) setOpen(false);
      else input.current?.blur();
      return;
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (hits.length > 0) setAt((Math.min(at, hits.length - 1) + step + hits.length) % hits.length);
      return;
    }
    if (event.key !== "Enter") return;
    event.preventDefault();
    const code = cleanCode(text);
    if (code === "") return;
    // Enter right after the last letter, as a scanner sends it, must not take what was found before.
    // Pages are known without asking.
    const answered = (!found.isPlaceholderData && !found.isPending) || chosen?.key.startsWith("/") === true;
    const ready = q === code && answered && chosen !== undefined;
    leave(ready ? chosen.to : `/find?code=${encodeURIComponent(code)}`);
  };

  const shown = open && q !== "" && text.trim() !== "";
  return (
    <div ref={box} class="desk-search" role="search">
      <div class="field-box search-box">
        <Icon name="find" />
        <input
          ref={input}
          type="search"
          list={undefined}
          role="combobox"
          aria-expanded={shown}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={shown && chosen !== undefined ? `${id}-${chosen.key}` : undefined}
          aria-label={t("desk.search")}
          placeholder={t("desk.search.short")}
          value={text}
          maxLength={128}
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          data-codes
          data-testid="search-everything"
          onFocus={() => setOpen(true)}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setOpen(true);
            setAt(0);
          }}
          onKeyDown={onKeyDown}
        />
        {text === "" && <kbd aria-hidden="true">/</kbd>}
      </div>
      {shown && (
        <div class="desk-found" data-testid="search-found">
          <ul id={`${id}-list`} role="listbox" aria-label={t("desk.search.found")}>
            {groups.map((group) => (
              <li key={group.name} role="presentation">
                <ul role="group" aria-label={group.name}>
                  <li class="desk-found-name" role="presentation">
                    {group.name}
                  </li>
                  {group.hits.map((hit) => (
                    <li
                      key={hit.key}
                      id={`${id}-${hit.key}`}
                      role="option"
                      class="desk-hit"
                      aria-selected={hit === chosen}
                      onPointerMove={() => setAt(hits.indexOf(hit))}
                      onPointerDown={(event) => event.preventDefault()}
                      onClick={() => leave(hit.to)}
                    >
                      <Icon name={hit.icon} />
                      <span class="desk-hit-name">{hit.name}</span>
                      <span class="soft">{hit.more}</span>
                    </li>
                  ))}
                </ul>
              </li>
            ))}
          </ul>
          {hits.length === 0 && (
            <p class="desk-none" role="status">
              {found.isError
                ? errorText(found.error)
                : found.isPending || found.isPlaceholderData
                  ? t("app.loading")
                  : t("desk.search.none", { text: q })}
            </p>
          )}
        </div>
      )}
    </div>
  );
}
