/**
 * The same cleaning the server does, only so that the screen can tell at once that a code was seen
 * before. The server's word is the one that counts.
 */
export function cleanCode(text: string): string {
  return text
    .normalize("NFC")
    .replace(/^\s+|\s+$/gu, "")
    .replace(/^\][A-Za-z]\d/u, "") // AIM identifier, such as ]Q1, that scanners can put in front
    .replace(/\s+/gu, " ")
    .trim();
}

/** What two spellings of one code have in common: codes compare without regard to case. */
export function codeKey(text: string): string {
  return cleanCode(text).toLowerCase();
}

/** So many letters want smaller ones, to leave room for the rest of the screen. */
export const isLong = (code: string): boolean => Array.from(code).length > 20;

/** A random UUID (version 4), also on plain http where `crypto.randomUUID` is missing. */
export function newId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte, at) => {
    const value = at === 6 ? (byte & 0x0f) | 0x40 : at === 8 ? (byte & 0x3f) | 0x80 : byte;
    return value.toString(16).padStart(2, "0");
  }).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
