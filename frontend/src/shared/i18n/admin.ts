import { addMessages } from "./i18n";
import type { messages as english } from "./admin/en";
import { loadOffice, t as office, type OfficeKey } from "./office";

/** A sentence of the screens for people, places, settings and keys, or of all the others. */
export type AdminKey = keyof typeof english | OfficeKey;
/** Every language says everything. */
export type AdminMessages = Record<keyof typeof english, string>;

const files = import.meta.glob<AdminMessages>("./admin/*.ts", { import: "messages" });

/** The admins' sentences: they load with the first screen that needs them, the desk's with them. */
export const loadAdmin = () => Promise.all([loadOffice(), addMessages(files)]);

export const t: (key: AdminKey, values?: Record<string, string | number>) => string = office as never;
