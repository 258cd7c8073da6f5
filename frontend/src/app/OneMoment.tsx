import { t } from "@/shared/i18n/i18n";
import { BigBag } from "@/shared/ui/icons";

/** What is shown until a page is here; index.html has the same drawing. */
export function OneMoment() {
  return (
    <main class="middle breathing">
      <BigBag class="brand-drawing" />
      <p>{t("app.loading")}</p>
    </main>
  );
}
