import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Event } from "@/shared/api/types";
import { ago, moment, number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { billHistory } from "./calls";

/** What happened to the bill; read when somebody asks. */
export function Story({ id, seen }: { id: number; seen: string }) {
  const [open, setOpen] = useState(false);
  const pages = useInfiniteQuery({
    queryKey: ["bill", id, "history", seen],
    queryFn: ({ pageParam }) => billHistory(id, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    enabled: open,
    staleTime: 0,
  });
  const events = pages.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <details class="card bill-story" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t("bill.story")}</summary>
      {pages.isError && <Note tone="refused">{errorText(pages.error)}</Note>}
      <ol>
        {events.map((event) => (
          <li key={event.id}>
            <span>{tell(event)}</span>
            <time class="soft" dateTime={event.at} title={moment(event.at)}>
              {t("story.by", { who: event.actor?.username ?? t("story.system"), when: ago(event.at) })}
            </time>
          </li>
        ))}
      </ol>
      {pages.hasNextPage && (
        <button type="button" class="button" data-wide onClick={() => void pages.fetchNextPage()}>
          <Icon name="plus" />
          {t("app.more")}
        </button>
      )}
    </details>
  );
}

function tell(event: Event): string {
  const after = event.after ?? {};
  const text = (name: string): string => {
    const value = after[name] ?? event.before?.[name];
    return typeof value === "string" ? value : typeof value === "number" ? number(value) : "";
  };
  switch (event.action) {
    case "bill_created":
      return t("bill.story.created");
    case "bill_changed":
      return t("bill.story.changed");
    case "bill_completed":
      return t("bill.story.completed");
    case "bill_reopened":
      return t("bill.story.reopened", { reason: text("reason") });
    case "parent_attached":
      return t("bill.story.attached", { code: text("code") });
    case "parent_detached":
      return t("bill.story.detached", { code: text("code") });
    default:
      return t("story.other");
  }
}
