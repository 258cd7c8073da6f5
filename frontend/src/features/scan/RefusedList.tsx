import { useEffect, useRef, useState } from "react";
import { ago, t } from "@/shared/i18n/i18n";
import { problemText, whereInstead } from "@/shared/i18n/problem";
import { AsideDrawing, IntoDrawing, MistakeDrawing, TornDrawing } from "@/shared/ui/acts";
import { Icon } from "@/shared/ui/icons";
import { ToneIcon } from "@/shared/ui/parts";
import { wantedBy, type useFloor } from "./useFloor";

/** As the audit log keeps them, with what the worker reads and sees. */
const REASONS = [
  ["mistake", "refused.why.mistake", MistakeDrawing],
  ["bag set aside", "refused.why.aside", AsideDrawing],
  ["bad label", "refused.why.label", TornDrawing],
] as const;

/** Every scan the server will not take, until the worker has decided about it. */
export function RefusedList({ floor, onClose }: { floor: ReturnType<typeof useFloor>; onClose: () => void }) {
  const close = useRef<HTMLButtonElement>(null);
  const { refused } = floor.view;
  /** The scan that is being dropped: one question, why. */
  const [dropping, setDropping] = useState<string | null>(null);
  useEffect(() => {
    if (refused.length === 0) onClose();
  }, [refused.length, onClose]);
  return (
    <div class="sheet" role="dialog" aria-modal="true" aria-labelledby="refused-title">
      <div class="bar">
        <h2 id="refused-title">{t("refused.list", { count: refused.length })}</h2>
        <button ref={close} type="button" class="icon-button" aria-label={t("app.close")} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      <p class="sheet-why">{t("refused.list.why")}</p>
      <ol class="refused-list">
        {refused.map((scan) => (
          <li key={scan.scanId} class="card">
            <p class="refused-head">
              <ToneIcon tone="refused" />
              <span class="refused-what">
                <strong class="code">{scan.code ?? scan.parentCode}</strong>
                <span class="soft">
                  {scan.code !== null && wantedBy(scan) !== "" && (
                    <>{t("refused.for", { parent: wantedBy(scan) })} · </>
                  )}
                  {ago(scan.scannedAt)}
                </span>
              </span>
            </p>
            {scan.problem && <p>{whereInstead(scan.problem) ?? problemText(scan.problem)}</p>}
            {scan.problem?.code === "child_in_other_parent" ? (
              <div class="refused-acts">
                <button type="button" class="button" data-size="scan" onClick={() => floor.move(scan)}>
                  <IntoDrawing class="act-drawing" />
                  {/* Into the bag that was open then; another one may be open now. */}
                  {t("refused.move.into", { parent: wantedBy(scan) })}
                </button>
                <button type="button" class="button" data-size="scan" onClick={() => floor.leave(scan)}>
                  <Icon name="close" />
                  {t("refused.leave")}
                </button>
              </div>
            ) : dropping === scan.scanId ? (
              <div class="refused-acts" role="group" aria-label={t("refused.why")}>
                <strong>{t("refused.why")}</strong>
                {REASONS.map(([reason, words, Picture]) => (
                  <button
                    key={reason}
                    type="button"
                    class="button"
                    data-size="scan"
                    onClick={() => void floor.queue.discard(scan, reason)}
                  >
                    <Picture class="act-drawing" />
                    {t(words)}
                  </button>
                ))}
              </div>
            ) : (
              <div class="refused-acts">
                <button
                  type="button"
                  class="button"
                  data-size="scan"
                  onClick={() => void floor.queue.retry(scan)}
                >
                  <Icon name="again" />
                  {t("refused.retry")}
                </button>
                <button
                  type="button"
                  class="button"
                  data-size="scan"
                  onClick={() => setDropping(scan.scanId)}
                >
                  <Icon name="close" />
                  {t("refused.drop")}
                </button>
              </div>
            )}
          </li>
        ))}
      </ol>
    </div>
  );
}
