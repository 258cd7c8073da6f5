import type { BagState } from "@/shared/api/types";
import { t, type MessageKey } from "@/shared/i18n/i18n";
import { Icon, type IconName } from "./icons";

export const BAG_STATES: Record<BagState, { key: MessageKey; icon: IconName }> = {
  open: { key: "state.open", icon: "open" },
  completed: { key: "state.completed", icon: "ok" },
  billed: { key: "state.billed", icon: "bill" },
  dispatched: { key: "state.dispatched", icon: "lock" },
  free: { key: "state.loose", icon: "out" },
  linked: { key: "state.linked", icon: "in" },
};

/** What a bag is at: a word and its sign. */
export function BagBadge({ state }: { state: BagState }) {
  const { key, icon } = BAG_STATES[state];
  return (
    <span class="badge" data-state={state}>
      <Icon name={icon} />
      <span class="badge-word">{t(key)}</span>
    </span>
  );
}
