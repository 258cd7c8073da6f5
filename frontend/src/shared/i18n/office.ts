import { addMessages, t as floor, type MessageKey } from "./i18n";
import type { messages as english } from "./office/en";

/** A sentence of the desk screens, or of all screens. */
export type OfficeKey = keyof typeof english | MessageKey;
/** Every language says everything. */
export type OfficeMessages = Record<keyof typeof english, string>;

const files = import.meta.glob<OfficeMessages>("./office/*.ts", { import: "messages" });

/** The desk screens' sentences: they load with the first of those screens, so that scanning never waits. */
export const loadOffice = () => addMessages(files);

export const t: (key: OfficeKey, values?: Record<string, string | number>) => string = floor as never;
