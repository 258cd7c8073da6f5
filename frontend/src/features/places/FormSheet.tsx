import type { ComponentChildren } from "preact";
import { t } from "@/shared/i18n/admin";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";

interface FormSheetProps {
  title: string;
  /** What is wrong with no single field. */
  rest: string | null;
  busy: boolean;
  onSave: () => void;
  onClose: () => void;
  /** Another act, at the left of saving. */
  other?: ComponentChildren;
  children: ComponentChildren;
}

/** A form over the page: its fields, what is wrong, and saving. */
export function FormSheet({ title, rest, busy, onSave, onClose, other, children }: FormSheetProps) {
  return (
    <Sheet title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSave();
        }}
      >
        <div class="sheet-body form-grid">
          {children}
          {rest !== null && (
            <div class="span">
              <Note tone="refused" alert>
                {rest}
              </Note>
            </div>
          )}
        </div>
        <div class="sheet-acts">
          {other}
          <button type="button" class="button" onClick={onClose}>
            {t("form.cancel")}
          </button>
          <button type="submit" class="button" data-kind="main" aria-disabled={busy}>
            <Icon name="ok" />
            {t("form.save")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
