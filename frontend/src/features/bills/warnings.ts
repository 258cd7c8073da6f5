import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import type { BilledBag, Warning } from "./calls";

/** What is unusual about a parent, in a sentence. */
export function warningText(warning: Warning, bag: BilledBag): string {
  return warning === "no_children"
    ? t("bill.warning.no_children")
    : t("bill.warning.far_from_expected", {
        count: number(bag.child_count),
        expected: number(bag.expected_children ?? 0),
      });
}
