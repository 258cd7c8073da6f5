import type { Bag, Event } from "@/shared/api/types";
import { hasMessage, t } from "@/shared/i18n/i18n";
import type { IconName } from "@/shared/ui/icons";

const ICONS: Record<string, IconName> = {
  bag_created: "plus",
  child_linked: "in",
  child_unlinked: "out",
  child_received: "in",
  child_left: "out",
  parent_completed: "ok",
  parent_reopened: "open",
  label_replaced: "label",
  bill_attached: "bill",
  bill_detached: "bill",
  imported: "file",
};

/** One entry of a bag's history as a sentence, seen from that bag. */
export function tell(bag: Bag, event: Event): { icon: IconName; text: string } {
  const action = seenFrom(bag, event);
  const key = `story.${action}`;
  return {
    icon: ICONS[action] ?? "waiting",
    text: t(hasMessage(key) ? key : "story.other", {
      code: event.code ?? "",
      parent: word(event.after, "parent_code") ?? word(event.before, "parent_code") ?? "",
      before: word(event.before, "code") ?? "",
      after: word(event.after, "code") ?? "",
      bill: word(event.after, "bill_number") ?? word(event.before, "bill_number") ?? "",
    }),
  };
}

/** A link is the child's event; in its parent's story it reads the other way round. */
function seenFrom(bag: Bag, event: Event): string {
  if (event.subject_id === null || event.subject_id === bag.id) return event.action;
  if (event.action === "child_linked") return "child_received";
  if (event.action === "child_unlinked") return "child_left";
  return event.action;
}

function word(of: Record<string, unknown> | null, name: string): string | null {
  const value = of?.[name];
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}
