import type { AdminKey } from "@/shared/i18n/admin";
import type { SiteSettings } from "./calls";

export type Group = "site" | "signIn" | "scanning" | "alerts" | "other";
export const GROUPS: readonly Group[] = ["site", "signIn", "scanning", "alerts", "other"];

export interface Field {
  group: Group;
  kind: "text" | "zone" | "number" | "switch" | "lines" | "choice" | "several";
  min?: number;
  /** The largest number, or the most letters. */
  max?: number;
  /** May be left empty. */
  optional?: boolean;
  hint?: AdminKey;
  /** What may be chosen, each named by a text of its own. */
  choices?: readonly string[];
}

/** How each setting of the API is asked for: a new one does not compile before it has its place here. */
export const FIELDS: Record<keyof SiteSettings, Field> = {
  site_name: { group: "site", kind: "text" },
  time_zone: { group: "site", kind: "zone", hint: "setting.time_zone.hint" },
  shift_starts: { group: "site", kind: "lines", hint: "setting.shift_starts.hint" },
  registration: { group: "signIn", kind: "switch", hint: "setting.registration.hint" },
  totp_for_admins: { group: "signIn", kind: "switch", hint: "setting.totp_for_admins.hint" },
  undo_minutes: { group: "scanning", kind: "number", min: 0, max: 1_440, hint: "setting.undo_minutes.hint" },
  complete_when_full: { group: "scanning", kind: "switch", hint: "setting.complete_when_full.hint" },
  unmatched_labels: {
    group: "scanning",
    kind: "choice",
    choices: ["ask", "accept", "reject"],
    hint: "setting.unmatched_labels.hint",
  },
  camera_formats: {
    group: "scanning",
    kind: "several",
    choices: ["qr_code", "data_matrix", "code_128", "ean_13", "ean_8", "code_39", "itf", "pdf417", "aztec"],
    hint: "setting.camera_formats.hint",
  },
  code_hosts: { group: "scanning", kind: "lines", hint: "setting.code_hosts.hint" },
  alert_p95_ms: { group: "alerts", kind: "number", min: 1, max: 600_000, hint: "setting.alert_p95_ms.hint" },
  alert_errors_percent: { group: "alerts", kind: "number", min: 1, max: 100 },
  alert_loop_lag_ms: { group: "alerts", kind: "number", min: 1, max: 600_000 },
  alert_pool_percent: { group: "alerts", kind: "number", min: 1, max: 100 },
  alert_webhook: {
    group: "alerts",
    kind: "text",
    max: 500,
    optional: true,
    hint: "setting.alert_webhook.hint",
  },
  alert_mail_to: { group: "alerts", kind: "lines", hint: "setting.alert_mail_to.hint" },
  audit_months: { group: "other", kind: "number", min: 0, max: 600, hint: "setting.audit_months.hint" },
};

export type Name = keyof SiteSettings;
export const NAMES = Object.keys(FIELDS) as Name[];

/** Settings as they stand in the fields: words, or on and off. */
export type Draft = Record<Name, string | boolean>;

export function draftOf(settings: SiteSettings): Draft {
  const draft = {} as Draft;
  for (const name of NAMES) {
    const value = settings[name];
    draft[name] = Array.isArray(value)
      ? value.join("\n")
      : typeof value === "boolean"
        ? value
        : String(value);
  }
  return draft;
}

/** What differs from what the server has, as it takes it. */
export function changesOf(draft: Draft, before: Draft): Record<string, unknown> {
  const changed: Record<string, unknown> = {};
  for (const name of NAMES) {
    const value = draft[name];
    if (value === before[name]) continue;
    if (typeof value === "boolean" || ["text", "zone", "choice"].includes(FIELDS[name].kind))
      changed[name] = value;
    else if (FIELDS[name].kind === "number") changed[name] = Number(value);
    else
      changed[name] = value
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "");
  }
  return changed;
}
