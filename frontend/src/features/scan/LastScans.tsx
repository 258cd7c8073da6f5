import { t, type MessageKey } from "@/shared/i18n/i18n";
import type { LinkState } from "@/shared/queue/queue";
import { isLong } from "@/shared/queue/codes";
import type { ScanRecord } from "@/shared/queue/records";
import type { Outcome } from "@/shared/sound/sound";
import { UndoDrawing } from "@/shared/ui/acts";
import type { IconName } from "@/shared/ui/icons";
import { SHAPES, ToneIcon } from "@/shared/ui/parts";
import { canUndo, toneOf } from "./packing";

interface LastScansProps {
  scans: readonly ScanRecord[];
  link: LinkState;
  /** Ids of scans whose undo waits or is done. */
  undoing: ReadonlySet<string>;
  onUndo: (scan: ScanRecord) => void;
}

/** The last scans, newest first, each with its state and undo. */
export function LastScans({ scans, link, undoing, onUndo }: LastScansProps) {
  const last = [...scans].reverse();
  return (
    <section class="last-scans" aria-labelledby="last-scans">
      <h2 id="last-scans">{t("scan.last")}</h2>
      {last.length === 0 && <p class="soft">{t("scan.last.none")}</p>}
      <ol>
        {last.map((scan) => {
          const code = scan.code ?? scan.parentCode;
          const look = undoing.has(scan.scanId) && !scan.undone ? UNDOING : lookOf(scan, link);
          return (
            <li key={scan.scanId} data-testid="last-scan" data-state={look.state}>
              <span class={look.state === "sending" ? "breathing" : ""}>
                <ToneIcon tone={look.tone} name={look.icon} />
              </span>
              <span class="last-text">
                <span class="code" data-long={isLong(code) || undefined}>
                  {code}
                </span>
                <span class="soft">{t(look.key)}</span>
              </span>
              {!undoing.has(scan.scanId) && canUndo(scan, scans) && (
                <button
                  type="button"
                  class="undo"
                  aria-label={t("scan.undo.one", { code })}
                  onClick={() => onUndo(scan)}
                >
                  <UndoDrawing class="undo-drawing" />
                  <span aria-hidden="true">{t("scan.undo")}</span>
                </button>
              )}
            </li>
          );
        })}
      </ol>
    </section>
  );
}

interface Look {
  tone: Outcome;
  icon: IconName;
  key: MessageKey;
  state: string;
}

/** On its way to be taken back. */
const UNDOING: Look = { tone: "waiting", icon: "undo", key: "outcome.sending", state: "undoing" };

const OK_WORDS: Record<string, MessageKey> = {
  created: "outcome.ok.parent",
  opened: "outcome.ok.parent",
  reopened: "outcome.ok.parent",
  completed: "outcome.ok.done",
  already_completed: "outcome.already.done",
  unlinked: "outcome.ok.unlinked",
  moved: "outcome.ok.moved",
  already_linked: "outcome.already",
};

function lookOf(scan: ScanRecord, link: LinkState): Look {
  if (scan.undone || scan.state === "withdrawn")
    return { tone: "waiting", icon: "undo", key: "outcome.withdrawn", state: "undone" };
  if (scan.question !== undefined)
    return { tone: "waiting", icon: "help", key: "outcome.asked", state: "asked" };
  if (scan.state === "waiting")
    return link === "up"
      ? { tone: "waiting", icon: "waiting", key: "outcome.sending", state: "sending" }
      : { tone: "waiting", icon: "waiting", key: "outcome.waiting", state: "waiting" };
  if (scan.state === "refused")
    return { tone: "refused", icon: "refused", key: "outcome.refused", state: "refused" };
  const tone = toneOf({ outcome: scan.outcome ?? "" });
  return { tone, icon: SHAPES[tone], key: OK_WORDS[scan.outcome ?? ""] ?? "outcome.ok", state: tone };
}
