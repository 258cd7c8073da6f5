import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { codesLike } from "@/shared/api/calls";
import { t } from "@/shared/i18n/i18n";
import { codeKey } from "@/shared/queue/codes";
import { TypeDrawing } from "@/shared/ui/acts";
import { BigBag, Icon, SmallBag } from "@/shared/ui/icons";
import { TextField } from "@/shared/ui/parts";

interface TypeCodeProps {
  /** What is typed so far; typing may have begun before anybody asked. */
  code: string;
  onType: (code: string) => void;
  /** What is asked for. */
  kind: "parent" | "child";
  onCode: (code: string) => void;
  onClose: () => void;
}

/** For labels no scanner reads. */
export function TypeCode({ code, onType, kind, onCode, onClose }: TypeCodeProps) {
  const Bag = kind === "parent" ? BigBag : SmallBag;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") onClose();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [onClose]);
  return (
    <div class="veil" role="dialog" aria-modal="true" aria-label={t("scan.type")}>
      <form
        class="type-code"
        onSubmit={(event) => {
          event.preventDefault();
          if (code.trim() !== "") onCode(code);
        }}
      >
        <div class="type-ask" aria-hidden="true">
          <TypeDrawing class="type-drawing" />
          <Icon name="forward" />
          <Bag class="type-drawing" />
        </div>
        <TextField
          label={t(kind === "child" ? "scan.type.child" : "scan.type.parent")}
          icon="keyboard"
          value={code}
          onValue={onType}
          focusFirst
          data-codes
          enterKeyHint="done"
          maxLength={2048}
        />
        <Suggestions code={code} kind={kind} onCode={onCode} />
        <div class="type-acts">
          <button type="button" class="button" data-size="scan" onClick={onClose}>
            <Icon name="close" />
            {t("app.close")}
          </button>
          <button type="submit" class="button" data-kind="ok" data-size="scan">
            <span class="act-icon" data-on="ok">
              <Icon name="ok" />
            </span>
            {t("scan.type.go")}
          </button>
        </div>
      </form>
    </div>
  );
}

/** Fewer letters than these begin too many codes. */
const ENOUGH = 2;
/** A finger that rests so long wants to know, in ms. */
const REST_MS = 150;
const SHOWN = 4;

/** Codes that the torn label may have had. Without network there are none, and typing goes on. */
function Suggestions({ code, kind, onCode }: Pick<TypeCodeProps, "code" | "kind" | "onCode">) {
  const Bag = kind === "parent" ? BigBag : SmallBag;
  const [asked, setAsked] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setAsked(code.trim()), REST_MS);
    return () => clearTimeout(timer);
  }, [code]);
  const found = useQuery({
    queryKey: ["codes-like", kind, asked],
    queryFn: () => codesLike(asked, kind),
    enabled: Array.from(asked).length >= ENOUGH,
    placeholderData: keepPreviousData,
    retry: false,
  });
  const key = codeKey(code);
  const codes = (found.data ?? []).filter((one) => codeKey(one).includes(key) && codeKey(one) !== key);
  if (Array.from(key).length < ENOUGH || codes.length === 0) return null;
  return (
    <ul class="suggestions" aria-label={t("scan.suggest")}>
      {codes.slice(0, SHOWN).map((one) => (
        <li key={one}>
          <button type="button" class="button" data-size="scan" data-wide onClick={() => onCode(one)}>
            <Bag class="suggestion-drawing" />
            <span class="code">{one}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
