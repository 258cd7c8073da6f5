import { setupI18n } from "@lingui/core";
import { useSyncExternalStore } from "react";
import type { messages as english } from "./messages/en";

export type MessageKey = keyof typeof english;
/** Every language has every sentence. */
export type Messages = Record<MessageKey, string>;
type Values = Record<string, string | number>;

const STORED = "tracetrack.language";

type Files = Record<string, () => Promise<Record<string, string>>>;

/** Adding a file to messages/ adds a language: its name is the language's code. */
const files = import.meta.glob<Messages>("./messages/*.ts", { import: "messages" });
/** Of each what is said before sign-in: it comes with the application, so that nobody waits for it. */
const first = import.meta.glob<Messages>("./messages/*.ts", {
  import: "messages",
  query: "?first",
  eager: true,
});
/** Whole sets of messages, each a file a language; screens that load later bring theirs. */
const sets: Files[] = [];

export const languages = Object.keys(files)
  .map((path) => /([\w-]+)\.ts$/.exec(path)?.[1] ?? "en")
  .map((code) => ({ code, name: ownName(code) }));

/** A language as its own speakers write it. */
function ownName(code: string): string {
  const name = new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;
  return name.charAt(0).toLocaleUpperCase(code) + name.slice(1);
}

const i18n = setupI18n();
const watchers = new Set<() => void>();

export function isLanguage(code: string | null | undefined): code is string {
  return languages.some((language) => language.code === code);
}

/** The language to begin with: the one chosen before on this device, else the browser's, else English. */
function firstLanguage(): string {
  const stored = localStorage.getItem(STORED);
  if (isLanguage(stored)) return stored;
  return navigator.languages.map((tag) => tag.split("-")[0]).find(isLanguage) ?? "en";
}

/** The language somebody chose on this device, if anybody did. */
export function chosenLanguage(): string | null {
  return localStorage.getItem(STORED);
}

/** The language's file of a set; English where a set does not have it. */
function messagesOf(set: Files, code: string): Promise<Record<string, string>> {
  const find = (name: string) => Object.entries(set).find(([path]) => path.endsWith(`/${name}.ts`))?.[1];
  const load = find(code) ?? find("en");
  if (load === undefined) throw new Error(`no language ${code}`);
  return load();
}

/** The sentences of the screens behind sign-in. */
export const loadFloor = () => addMessages(files);

/** Adds the messages of screens that load later, in the current language. */
export async function addMessages(set: Files): Promise<void> {
  if (sets.includes(set)) return;
  const code = i18n.locale;
  i18n.load(code, await messagesOf(set, code));
  if (!sets.includes(set)) sets.push(set);
  // The language changed while these were on their way.
  if (i18n.locale !== code) i18n.load(i18n.locale, await messagesOf(set, i18n.locale));
}

/** Loads a language and shows it; `remember` keeps it for this device. */
export async function switchLanguage(code: string, remember = true): Promise<void> {
  const loaded = await Promise.all(sets.map((set) => messagesOf(set, code)));
  show(code, loaded);
  if (remember) localStorage.setItem(STORED, code);
}

/** Shows the language to begin with, at once. */
export function startLanguage(): void {
  show(firstLanguage(), []);
}

function show(code: string, loaded: Record<string, string>[]): void {
  const messages = Object.assign({}, first[`./messages/${code}.ts`], ...loaded) as Messages;
  i18n.loadAndActivate({ locale: code, messages });
  document.documentElement.lang = code;
  // The letters of a language that has its own come with the whole of it.
  if (sets.length === 0 && code !== "en") loadFloor().catch(() => undefined);
  for (const watcher of watchers) watcher();
}

export function t(key: MessageKey, values?: Values): string {
  return i18n._(key, values);
}

export function hasMessage(key: string): key is MessageKey {
  return key in i18n.messages;
}

/** The current language; a component that calls this shows the new one when it changes. */
export function useCurrentLanguage(): string {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => i18n.locale,
  );
}

/** A formatter of the current language. Made once a language: that alone takes a slow phone milliseconds. */
function formatter<Formatter>(make: (locale: string) => Formatter): () => Formatter {
  const made = new Map<string, Formatter>();
  return () => {
    const known = made.get(i18n.locale) ?? make(i18n.locale);
    made.set(i18n.locale, known);
    return known;
  };
}

const relative = formatter((locale) => new Intl.RelativeTimeFormat(locale, { numeric: "auto" }));
const day = formatter(
  (locale) => new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }),
);
const hour = formatter((locale) => new Intl.DateTimeFormat(locale, { timeStyle: "short" }));
const numeral = formatter((locale) => new Intl.NumberFormat(locale, { maximumFractionDigits: 3 }));

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "10 minutes ago" up to a week, else the date. */
export function ago(time: string, now = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1_000;
  if (Math.abs(seconds) > 7 * 86_400) return moment(time);
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return relative().format(Math.round(seconds / size), unit);
  }
  return t("app.now");
}

/** Day and time, short. */
export function moment(time: string): string {
  return day().format(new Date(time));
}

/** The time of the day alone. */
export function clock(time: string): string {
  return hour().format(new Date(time));
}

export function number(value: number): string {
  return numeral().format(value);
}
