import { useEffect } from "react";
import { number, t } from "@/shared/i18n/i18n";
import { isLong } from "@/shared/queue/codes";
import { speak, turnSpeech, useSpeech } from "@/shared/sound/speech";
import { BigBag, Icon, ScanDrawing, SmallBag } from "@/shared/ui/icons";
import { SHAPES } from "@/shared/ui/parts";
import type { useFloor, Word } from "./useFloor";

/** Where the eyes are: what to scan now, the count, and what came of the last scan. */
export function Stage({ floor, small }: { floor: ReturnType<typeof useFloor>; small: boolean }) {
  const { packing, count, word, closed, view } = floor;
  const spoken = packing ? countText(count, packing.bag?.expected_children ?? null) : null;
  useEffect(() => {
    if (spoken !== null) speak(spoken);
  }, [spoken]);
  if (packing === undefined)
    return (
      <section class="stage" data-empty data-small={small || undefined}>
        <div class="middle breathing">
          <BigBag class="stage-drawing" />
          <p>{t("app.loading")}</p>
        </div>
      </section>
    );
  const expected = packing?.bag?.expected_children ?? null;
  const said = (
    <div class="stage-word" data-tone={word?.tone}>
      <div class="stage-outcome">
        <p role="status">
          {word === null ? null : <Said word={word} />}
          <span class="hidden-visually">{packing && word !== null ? countText(count, expected) : ""}</span>
        </p>
        {word?.act !== undefined && (
          <button type="button" class="button said-act" data-size="scan" onClick={word.act.run}>
            <Icon name={word.act.icon} />
            {t(word.act.key)}
          </button>
        )}
      </div>
    </div>
  );
  if (packing === null)
    return (
      <section class="stage" data-empty data-small={small || undefined}>
        {said}
        <div class="stage-ask">
          {closed !== null && (
            <div class="stage-closed">
              <p
                class="count number"
                data-testid="closed-count"
                role="img"
                aria-label={countText(closed.count, closed.expected)}
              >
                <span class="count-now">{number(closed.count)}</span>
                {closed.expected !== null && (
                  <span class="count-expected">{` / ${number(closed.expected)}`}</span>
                )}
              </p>
              {view.waiting > 0 && (view.link !== "up" || view.held > 0) && <p>{t("scan.closed.unsent")}</p>}
            </div>
          )}
          {/* What comes next is asked by a drawing too, beside the number of what is done. */}
          <div class="stage-next" data-beside={closed !== null || undefined}>
            <ScanDrawing class="stage-drawing" />
            <h2>{t("scan.parent.ask")}</h2>
          </div>
        </div>
      </section>
    );
  return (
    <section class="stage" data-small={small || undefined}>
      <header class="stage-parent">
        <BigBag class="stage-bag" />
        <div>
          <span class="stage-label">{t("scan.parent")}</span>
          <strong class="code" data-testid="parent-code" data-long={isLong(packing.code) || undefined}>
            {packing.code}
          </strong>
        </div>
        <SpeechButton />
      </header>
      <div class="count number" data-testid="count" role="img" aria-label={countText(count, expected)}>
        <span class="count-now" data-long={count > 99 || undefined}>
          {number(count)}
        </span>
        {expected !== null && expected > 0 && (
          <span class="count-expected" data-testid="expected">
            {` / ${number(expected)}`}
          </span>
        )}
      </div>
      {expected !== null && expected > 0 && <Progress count={count} expected={expected} />}
      {word === null ? null : said}
      {/* As long as it is empty: that it was opened is not yet what to do. */}
      {(word === null || count === 0) && (
        <p class="stage-word" role={word === null ? "status" : undefined}>
          <SmallBag class="stage-small" />
          <span>{t("scan.child.ask")}</span>
        </p>
      )}
    </section>
  );
}

/** Says the number aloud or not; only where this device has a voice. */
function SpeechButton() {
  const speech = useSpeech();
  if (speech === "none") return null;
  const on = speech === "on";
  return (
    <button
      type="button"
      class="speech"
      aria-label={t("speech.count")}
      aria-pressed={on}
      onClick={() => turnSpeech(!on)}
    >
      <Icon name={on ? "speak" : "sound-off"} />
    </button>
  );
}

function Said({ word }: { word: Word }) {
  return (
    <span key={word.id} class="said" data-testid="word" data-tone={word.tone}>
      <Icon name={word.tone === "sending" ? "scan" : SHAPES[word.tone]} />
      <span class="said-text">
        <strong>{t(word.key)}</strong>
        <span class="code" data-testid="said-code" data-long={isLong(word.code) || undefined}>
          {word.code}
        </span>
        {word.note !== undefined && <span class="said-note">{word.note}</span>}
      </span>
    </span>
  );
}

function countText(count: number, expected: number | null): string {
  return expected === null || expected === 0
    ? t("scan.count.open", { count })
    : t("scan.count", { count: number(count), expected: number(expected) });
}

/** So many marks can be told apart. */
const MARKS = 60;

/** One mark a bag, also for those beyond what was expected; a plain bar where they would be too many. */
function Progress({ count, expected }: { count: number; expected: number }) {
  const full = count >= expected || undefined;
  if (expected > MARKS)
    return (
      <div class="progress-bar" aria-hidden="true" data-full={full}>
        <span style={{ width: `${Math.min(100, (100 * count) / expected)}%` }} />
      </div>
    );
  return (
    <div class="progress" aria-hidden="true" data-full={full}>
      {Array.from({ length: Math.max(expected, Math.min(count, MARKS)) }, (_, at) => (
        <span key={at} data-in={at < count || undefined} data-over={at >= expected || undefined} />
      ))}
    </div>
  );
}
