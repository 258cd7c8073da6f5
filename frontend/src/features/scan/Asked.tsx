import { number, t, type MessageKey } from "@/shared/i18n/i18n";
import type { ScanRecord } from "@/shared/queue/records";
import { IntoDrawing, MistakeDrawing } from "@/shared/ui/acts";
import { BigBag, Icon, SmallBag } from "@/shared/ui/icons";
import { answerOf } from "./packing";
import type { useFloor } from "./useFloor";

/** The server asks what a scan means: two pictures, or the label scanned again. What follows waits. */
export function Asked({ scan, floor }: { scan: ScanRecord; floor: ReturnType<typeof useFloor> }) {
  const { question } = scan;
  if (question === undefined) return null;
  const parent = question.parent as { code: string; child_count: number } | undefined;
  const done = question.code === "parent_completed" && parent !== undefined;
  const behind = floor.view.held - 1;
  const again = answerOf(question, floor.packing ?? null);
  return (
    <div
      class="refusal asked"
      data-tone="ask"
      role="alertdialog"
      aria-labelledby="asked-what"
      data-testid="asked"
    >
      <div class="refusal-text" role="alert">
        <Icon name="help" />
        <h2 id="asked-what">
          {done
            ? t("asked.completed", { parent: parent.code, count: parent.child_count })
            : t(titleOf(question.reason))}
        </h2>
        <p class="code refusal-code">{scan.code}</p>
        <p>{t(done ? "asked.again.in" : again === "parent" ? "asked.again.parent" : "asked.again.child")}</p>
        {behind > 0 && (
          <p data-testid="asked-behind">{t("asked.behind", { count: behind, shown: number(behind) })}</p>
        )}
      </div>
      <div class="refusal-acts">
        {done ? (
          <button type="button" class="button" data-size="scan" onClick={() => floor.reply(scan, "child")}>
            <IntoDrawing class="act-drawing" />
            {t("asked.in")}
          </button>
        ) : (
          <div class="asked-kinds">
            <button type="button" class="button" data-size="scan" onClick={() => floor.reply(scan, "parent")}>
              <BigBag class="asked-drawing" />
              {t("asked.parent")}
            </button>
            <button type="button" class="button" data-size="scan" onClick={() => floor.reply(scan, "child")}>
              <SmallBag class="asked-drawing" />
              {t("asked.child")}
            </button>
          </div>
        )}
        <button
          type="button"
          class="button"
          data-kind="plain"
          data-size="scan"
          onClick={() => floor.reply(scan, null)}
        >
          <MistakeDrawing class="act-drawing" />
          {t("asked.drop")}
        </button>
      </div>
    </div>
  );
}

function titleOf(reason: unknown): MessageKey {
  if (reason === "not_a_bag_code") return "asked.notABag";
  return reason === "unlike_children" ? "asked.unlike" : "asked.kind";
}
