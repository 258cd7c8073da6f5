import { useEffect } from "react";
import { t } from "@/shared/i18n/i18n";
import { Icon } from "@/shared/ui/icons";
import { TextField } from "@/shared/ui/parts";

interface TypeCodeProps {
  /** What is typed so far; typing may have begun before anybody asked. */
  code: string;
  onType: (code: string) => void;
  label: string;
  onCode: (code: string) => void;
  onClose: () => void;
}

/** For labels no scanner reads. */
export function TypeCode({ code, onType, label, onCode, onClose }: TypeCodeProps) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") onClose();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [onClose]);
  return (
    <div class="veil" role="dialog" aria-modal="true" aria-label={t("scan.type")}>
      <form
        class="type-code"
        onSubmit={(event) => {
          event.preventDefault();
          if (code.trim() !== "") onCode(code);
        }}
      >
        <TextField
          label={label}
          icon="keyboard"
          value={code}
          onValue={onType}
          focusFirst
          enterKeyHint="done"
          maxLength={2048}
        />
        <div class="type-acts">
          <button type="button" class="button" data-size="scan" onClick={onClose}>
            <Icon name="close" />
            {t("app.close")}
          </button>
          <button type="submit" class="button" data-kind="ok" data-size="scan">
            <span class="act-icon" data-on="ok">
              <Icon name="ok" />
            </span>
            {t("scan.type.go")}
          </button>
        </div>
      </form>
    </div>
  );
}
