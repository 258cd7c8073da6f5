import { useRef, useState } from "react";
import { t } from "@/shared/i18n/i18n";
import { useAwake } from "@/shared/scanner/useAwake";
import { useScanner } from "@/shared/scanner/useScanner";
import { Bar } from "@/shared/ui/Bar";
import { Icon } from "@/shared/ui/icons";
import { RefusedList } from "./RefusedList";
import { LastScans } from "./LastScans";
import { Refusal } from "./Refusal";
import { Stage } from "./Stage";
import { TypeCode } from "./TypeCode";
import { useFloor } from "./useFloor";
import "./scan.css";

/** The scan floor: parent first, then its children. */
export default function Scan() {
  const floor = useFloor();
  useAwake();
  const field = useRef<HTMLInputElement>(null);
  const [typing, setTyping] = useState<string | null>(null);
  const [deciding, setDeciding] = useState(false);
  const { packing, word } = floor;

  // The text as typed so far, known at once: keys do not wait until the field is drawn.
  const typed = useRef<string | null>(null);
  const type = (text: string | null) => {
    typed.current = text;
    setTyping(text);
  };

  useScanner(field, {
    active: typing === null,
    onCode: (code) => {
      const begun = typed.current ?? "";
      type(null);
      floor.scan(begun + code);
    },
    onSlowTyping: (text) => type((typed.current ?? "") + text),
  });

  const refused = word?.tone === "refused" ? word : null;
  return (
    <div class="scan" data-tone={word?.tone} data-beat={word === null ? undefined : word.id % 2}>
      {/* Keyed by the act: each one starts the flash anew. */}
      {word !== null && <div class="flash" key={word.id} data-tone={word.tone} aria-hidden="true" />}
      <Bar title={t("scan.title")} />
      <main class="scan-page">
        <input
          ref={field}
          class="scanner-field"
          type="text"
          inputMode="none"
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          tabIndex={-1}
          aria-label={t("scan.field")}
        />
        <div class="scan-side">
          <Stage floor={floor} />
          <div class="scan-actions">
            {packing && (
              <>
                <button type="button" class="button" data-kind="ok" data-size="scan" onClick={floor.done}>
                  <span class="act-icon" data-on="ok">
                    <Icon name="ok" />
                  </span>
                  {t("scan.done")}
                </button>
                <button type="button" class="button" data-size="scan" onClick={floor.next}>
                  <Icon name="forward" />
                  {t("scan.next")}
                </button>
              </>
            )}
            <button type="button" class="button" data-size="scan" onClick={() => type("")}>
              <Icon name="keyboard" />
              {t("scan.type")}
            </button>
          </div>
        </div>
        <div class="scan-side">
          {floor.view.refused.length > 0 && (
            <button type="button" class="needs-you" onClick={() => setDeciding(true)}>
              <Icon name="refused" />
              {t("refused.list", { count: floor.view.refused.length })}
              <Icon name="forward" />
            </button>
          )}
          <LastScans
            scans={floor.last}
            link={floor.view.link}
            undoing={floor.undoing}
            onUndo={(scan) => void floor.undo(scan)}
          />
        </div>
      </main>
      {refused !== null && !deciding && (
        <Refusal
          word={refused}
          onOk={floor.dismiss}
          onMove={
            refused.scan !== null && floor.canMove(refused.problem, refused.scan)
              ? () => floor.move(refused.scan ?? never())
              : null
          }
          onOpen={
            refused.problem?.code === "bag_is_parent"
              ? () => {
                  floor.dismiss();
                  floor.open(refused.code);
                }
              : null
          }
        />
      )}
      {typing !== null && (
        <TypeCode
          code={typing}
          onType={type}
          label={t(packing ? "scan.type.child" : "scan.type.parent")}
          onCode={(code) => {
            type(null);
            floor.scan(code);
          }}
          onClose={() => type(null)}
        />
      )}
      {deciding && <RefusedList floor={floor} onClose={() => setDeciding(false)} />}
    </div>
  );
}

function never(): never {
  throw new Error("cannot happen");
}
