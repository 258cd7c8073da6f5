import { useSyncExternalStore } from "react";

/** Light or dark, or as the device is. */
export type Theme = "system" | "light" | "dark";
export const THEMES: readonly Theme[] = ["system", "light", "dark"];

const STORED = "tracetrack.theme";
const DARK = "(prefers-color-scheme: dark)";
const LIGHT = "(prefers-color-scheme: light)";
const watchers = new Set<() => void>();

export function theme(): Theme {
  const stored = localStorage.getItem(STORED);
  return stored === "light" || stored === "dark" ? stored : "system";
}

export function chooseTheme(next: Theme): void {
  if (next === "system") localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, next);
  showTheme();
  for (const watcher of watchers) watcher();
}

/** What was asked of the device, by rule and tag that asked. */
const asked = new Map<MediaList | HTMLMetaElement, string>();

/**
 * Makes the choice hold: what asks whether the device is dark (the tokens, the colour of the browser's
 * frame) is answered by the choice instead. So the dark colours stand in one place, tokens.css.
 */
export function showTheme(): void {
  const chosen = theme();
  for (const sheet of document.styleSheets)
    for (const rule of sheet.cssRules)
      if (rule instanceof CSSMediaRule && rule.media.mediaText.includes("prefers-color-scheme"))
        asked.set(rule.media, asked.get(rule.media) ?? rule.media.mediaText);
  for (const tag of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]"))
    asked.set(tag, asked.get(tag) ?? tag.media);
  for (const [one, question] of asked) {
    const holds = question === DARK ? "dark" : question === LIGHT ? "light" : null;
    const media = chosen === "system" || holds === null ? question : holds === chosen ? "all" : "not all";
    if (one instanceof MediaList) one.mediaText = media;
    else one.media = media;
  }
}

export const useTheme = (): Theme =>
  useSyncExternalStore((watcher) => {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, theme);
