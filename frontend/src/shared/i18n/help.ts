import { addMessages, t as floor, type MessageKey } from "./i18n";
import type { messages as english } from "./help/en";

/** A sentence of the help pages, or of all screens. */
export type HelpKey = keyof typeof english | MessageKey;
/** Every language says everything. */
export type HelpMessages = Record<keyof typeof english, string>;

const files = import.meta.glob<HelpMessages>("./help/*.ts", { import: "messages" });

/** The help pages' sentences: they load with the first of those pages. */
export const loadHelp = () => addMessages(files);

export const t: (key: HelpKey, values?: Record<string, string | number>) => string = floor as never;
