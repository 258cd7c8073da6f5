import { languages, switchLanguage, t, useCurrentLanguage } from "@/shared/i18n/i18n";
import { Icon } from "./icons";
import "./language-choice.css";

/** Languages by their own names: one must not have to read one language to find another. */
export function LanguageChoice({ onChosen }: { onChosen?: (code: string) => void }) {
  const current = useCurrentLanguage();
  return (
    <fieldset class="language-choice">
      <legend class="hidden-visually">{t("signIn.language")}</legend>
      {languages.map(({ code, name }) => (
        <label key={code} lang={code} data-chosen={code === current || undefined}>
          <input
            type="radio"
            name="language"
            class="hidden-visually"
            value={code}
            checked={code === current}
            onChange={() => void switchLanguage(code).then(() => onChosen?.(code))}
          />
          {code === current && <Icon name="ok" />}
          {name}
        </label>
      ))}
    </fieldset>
  );
}
