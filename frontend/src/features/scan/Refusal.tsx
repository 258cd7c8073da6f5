import { t } from "@/shared/i18n/i18n";
import { problemText, whereInstead } from "@/shared/i18n/problem";
import { IntoDrawing, ProblemDrawing } from "@/shared/ui/acts";
import { BigBag, Icon } from "@/shared/ui/icons";
import { SHAPES } from "@/shared/ui/parts";
import type { Word } from "./useFloor";

interface RefusalProps {
  word: Word;
  onOk: () => void;
  onMove: (() => void) | null;
  /** The bag stays where it is: decided. */
  onLeave: (() => void) | null;
  onOpen: (() => void) | null;
}

/** A refusal fills the screen until it is acknowledged or the next good scan comes. */
export function Refusal({ word, onOk, onMove, onLeave, onOpen }: RefusalProps) {
  const why = word.problem === null ? null : (whereInstead(word.problem) ?? problemText(word.problem));
  return (
    <div
      class="refusal"
      data-tone={word.tone}
      role="alertdialog"
      aria-labelledby="refusal-word"
      aria-describedby="refusal-why"
    >
      <div class="refusal-text" role="alert">
        <div class="refusal-picture">
          <Icon name={word.tone === "other" ? SHAPES.other : "refused"} />
          {word.problem !== null && <ProblemDrawing code={word.problem.code} class="refusal-drawing" />}
        </div>
        <h2 id="refusal-word">{t(word.key)}</h2>
        <p class="code refusal-code">{word.code}</p>
        <p id="refusal-why" data-testid="refusal-why">
          {why}
        </p>
      </div>
      <div class="refusal-acts">
        {onMove !== null && (
          <button type="button" class="button" data-size="scan" onClick={onMove}>
            <IntoDrawing class="act-drawing" />
            {t("refused.move")}
          </button>
        )}
        {onOpen !== null && (
          <button type="button" class="button" data-size="scan" onClick={onOpen}>
            <BigBag class="act-drawing" />
            {t("refused.open")}
          </button>
        )}
        <button type="button" class="button" data-kind="plain" data-size="scan" onClick={onLeave ?? onOk}>
          <Icon name="close" />
          {t(onLeave === null ? "refused.ok" : "refused.leave")}
        </button>
      </div>
    </div>
  );
}
