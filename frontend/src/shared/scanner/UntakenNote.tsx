import { useEffect, useState } from "react";
import { t } from "@/shared/i18n/i18n";
import { signal } from "@/shared/sound/sound";
import { Icon } from "@/shared/ui/icons";
import { onUntaken, type Untaken } from "./keyboard";
import "./untaken.css";

/** A scan that was not taken, wherever it came: heard, and seen until the next one is taken. */
export function UntakenNote() {
  const [untaken, setUntaken] = useState<Untaken | null>(null);
  useEffect(
    () =>
      onUntaken((now) => {
        setUntaken(now);
        if (now !== null) signal("refused");
      }),
    [],
  );
  if (untaken === null) return null;
  return (
    <div class="untaken" role="alert" data-testid="untaken" data-why={untaken.why}>
      <Icon name="refused" />
      <p>
        <strong>{t("app.untaken")}</strong>
        <span class="code">{untaken.text}</span>
        <span>{t(`app.untaken.${untaken.why}`)}</span>
      </p>
      <button type="button" class="icon-button" aria-label={t("app.close")} onClick={() => setUntaken(null)}>
        <Icon name="close" />
      </button>
    </div>
  );
}
