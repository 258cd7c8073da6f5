import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { t } from "@/shared/i18n/admin";
import { errorText } from "@/shared/i18n/problem";
import { Line } from "@/shared/ui/fields";
import { Note } from "@/shared/ui/parts";
import { tryLabel, type BagType, type Draft, type LabelPattern } from "./calls";

const PAUSE_MS = 250;

interface TryLabelProps {
  /** The pattern that is being written, tried before those that are saved. */
  draft: Draft | null;
  types: readonly BagType[];
  patterns: readonly LabelPattern[];
}

/** What somebody typed, once he has stopped for a moment. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  const text = JSON.stringify(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(JSON.parse(text) as T), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** A box for a label, and what the scanner would make of it. */
export function TryLabel({ draft, types, patterns }: TryLabelProps) {
  const [text, setText] = useState("");
  const asked = useSettled({ text, draft });
  const known = patterns.map((one) => `${one.id} ${one.pattern} ${one.position} ${one.enabled}`).join("\n");
  const read = useQuery({
    queryKey: ["try-label", asked, known],
    queryFn: () => tryLabel(asked.text, asked.draft),
    enabled: asked.text !== "",
    placeholderData: (before) => before,
  });
  const reading = asked.text === "" ? undefined : read.data;
  const by = patterns.find((one) => one.id === reading?.pattern_id)?.name;
  return (
    <>
      <Line
        label={t("try.label")}
        data-codes
        name="try-label"
        value={text}
        maxLength={2048}
        onValue={setText}
      />
      <div class="try-said" aria-live="polite">
        {read.isError && asked.text !== "" ? (
          <Note tone="refused">{errorText(read.error)}</Note>
        ) : (
          reading !== undefined && (
            <dl class="figures" data-testid="reading">
              <div class="figure" data-tone="ok">
                <dt>{t("try.code")}</dt>
                <dd class="code">{reading.code}</dd>
              </div>
              <div class="figure">
                <dt>{t("try.by")}</dt>
                <dd>{reading.by_draft ? t("try.by.draft") : (by ?? t("try.by.none"))}</dd>
              </div>
              <div class="figure">
                <dt>{t("try.kind")}</dt>
                <dd>
                  {reading.kind === null
                    ? t("try.kind.unknown")
                    : t(reading.kind === "parent" ? "find.parent" : "find.child")}
                </dd>
              </div>
              <div class="figure">
                <dt>{t("try.type")}</dt>
                <dd>{types.find((one) => one.id === reading.bag_type_id)?.name ?? t("try.type.usual")}</dd>
              </div>
            </dl>
          )
        )}
      </div>
    </>
  );
}
