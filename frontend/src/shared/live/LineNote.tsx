import { useEffect, useState } from "react";
import { clock } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import { Icon } from "@/shared/ui/icons";
import type { LineState } from "./line";
import "./live.css";

/** A line that is made is not told to be down before this, in ms. */
const PATIENCE_MS = 1_500;

/** Whether what one sees is what is: and if not, since when it is old. */
export function LineNote({ line }: { line: LineState }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (line.up) return;
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [line]);
  const down = !line.up && late;
  return (
    <span class="live" role="status" data-live={line.up ? "up" : down ? "down" : "making"} data-testid="live">
      {down ? <Icon name="link-off" /> : <span class="live-dot" aria-hidden="true" />}
      {down ? t("live.down", { since: clock(new Date(line.since).toISOString()) }) : t("live.up")}
    </span>
  );
}
