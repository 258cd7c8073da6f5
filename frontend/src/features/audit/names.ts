import { hasMessage } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";

/** What an event can be about. */
export const SUBJECTS = [
  "bag",
  "bill",
  "import",
  "return",
  "export",
  "user",
  "session",
  "area",
  "bag_type",
  "label_pattern",
  "setting",
  "api_key",
  "registration",
  "promotion",
] as const;

/** Its sentence, or the word the log has, made readable. */
function told(kind: string, word: string): string {
  const key = `audit.${kind}.${word}`;
  if (hasMessage(key)) return t(key);
  const words = word.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const actionName = (action: string): string => told("action", action);
export const subjectName = (subject: string): string => told("subject", subject);
export const fieldName = (field: string): string => told("field", field);
