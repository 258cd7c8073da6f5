import type { ComponentChildren } from "preact";
import { useState } from "react";
import { t } from "@/shared/i18n/office";
import { errorText } from "@/shared/i18n/problem";
import { Icon, type IconName } from "./icons";
import { Note } from "./parts";
import { Sheet } from "./Sheet";

interface QuestionProps {
  title: string;
  go: string;
  icon: IconName;
  onClose: () => void;
  act: () => Promise<void>;
  children: ComponentChildren;
}

/** A question with one act; what goes wrong is said in place. */
export function Question({ title, go, icon, onClose, act, children }: QuestionProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const run = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await act();
      onClose();
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Sheet title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <div class="sheet-body">
          {children}
          {problem !== null && (
            <Note tone="refused" alert>
              {errorText(problem)}
            </Note>
          )}
        </div>
        <div class="sheet-acts">
          <button type="button" class="button" onClick={onClose}>
            {t("app.close")}
          </button>
          <button type="submit" class="button" data-kind="main" aria-disabled={busy}>
            <Icon name={icon} />
            {go}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
