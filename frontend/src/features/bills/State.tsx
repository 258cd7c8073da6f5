import { t, type OfficeKey } from "@/shared/i18n/office";
import { Icon, type IconName } from "@/shared/ui/icons";
import type { BillState } from "./calls";

export const STATES: Record<BillState, { key: OfficeKey; icon: IconName }> = {
  new: { key: "bill.state.new", icon: "plus" },
  processing: { key: "bill.state.processing", icon: "open" },
  completed: { key: "bill.state.completed", icon: "lock" },
};

export function StateBadge({ state }: { state: BillState }) {
  const { key, icon } = STATES[state];
  return (
    <span class="badge" data-state={state}>
      <Icon name={icon} />
      <span class="badge-word">{t(key)}</span>
    </span>
  );
}

/** How full a bill is, if it has a target. */
export function Target({ count, target }: { count: number; target: number | null }) {
  if (target === null) return null;
  return (
    <div
      class="meter"
      role="progressbar"
      aria-label={t("bill.target")}
      aria-valuemin={0}
      aria-valuemax={target}
      aria-valuenow={Math.min(count, target)}
      data-full={count >= target || undefined}
      data-over={count > target || undefined}
    >
      <span style={{ width: `${Math.min(100, (count / target) * 100)}%` }} />
    </div>
  );
}
