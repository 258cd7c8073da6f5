import { useEffect, useState } from "react";
import { t } from "@/shared/i18n/admin";
import { Icon } from "./icons";
import "./copy.css";

const SAID_MS = 2_000;

/** Something to be copied: shown in full where `shown` is given, and one press away from the clipboard. */
export function Copy({ text, shown, testid }: { text: string; shown?: string; testid?: string }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [done]);
  // Over plain http a browser gives pages no clipboard.
  const clipboard = (navigator as Partial<Navigator>).clipboard;
  const button = clipboard !== undefined && (
    <button
      type="button"
      class="button"
      onClick={() =>
        void clipboard.writeText(text).then(
          () => setDone(true),
          () => undefined,
        )
      }
    >
      <Icon name={done ? "ok" : "file"} />
      {t(done ? "copy.done" : "copy.go")}
    </button>
  );
  if (shown === undefined) return <>{button}</>;
  return (
    <div class="copy">
      <span class="code copy-text" data-testid={testid}>
        {shown}
      </span>
      {button}
    </div>
  );
}
