import { t } from "@/shared/i18n/i18n";
import { Icon, type IconName } from "./icons";
import { chooseTheme, THEMES, useTheme, type Theme } from "./theme";
import "./theme-choice.css";

const ICONS: Record<Theme, IconName> = { system: "contrast", light: "sun", dark: "moon" };

/** Light, dark, or as the device is. */
export function ThemeChoice() {
  const now = useTheme();
  return (
    <fieldset class="theme-choice">
      <legend class="hidden-visually">{t("theme.title")}</legend>
      {THEMES.map((one) => (
        <label key={one} data-chosen={one === now || undefined}>
          <input
            type="radio"
            class="hidden-visually"
            name="theme"
            value={one}
            checked={one === now}
            onChange={() => chooseTheme(one)}
          />
          <Icon name={ICONS[one]} />
          <span>{t(`theme.${one}`)}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** The same as one button that goes round. */
export function ThemeButton() {
  const now = useTheme();
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length] ?? "system";
  const words = `${t("theme.title")}: ${t(`theme.${now}`)}`;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={words}
      title={words}
      onClick={() => chooseTheme(next)}
    >
      <Icon name={ICONS[now]} />
    </button>
  );
}
