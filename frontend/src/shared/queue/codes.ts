/**
 * What text on a label is which code: the rule of `backend/tracetrack/bags/codes.py`, so that the screen can tell at
 * once what was scanned. Both pass `tests/vectors/codes.json`; the server's answer is the one that counts.
 */

/** Why a text cannot be the code of a bag. */
export type CodeReason = "empty" | "too_long" | "invisible" | "reserved";

/** What a label is that is probably not a bag's. */
export type Foreign = "wifi" | "payment" | "contact" | "secret" | "url" | "product";

/** Characters. */
export const LONGEST_CODE = 128;
/** What the codes of commands begin with. */
const RESERVED = "tt:";

const SPACES = /[\t\n\r \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+/gu;
const OUTER_SPACES = /^ +| +$/gu;
/** FNC1 inside a code; many scanners drop it when they type, so it is never part of a code. */
const GROUP_SEPARATOR = /\u001d/gu; // eslint-disable-line no-control-regex
/** What a scanner can put in front to say which symbology it read (ISO/IEC 15424), such as `]Q1`. */
const AIM = /^\][A-Za-z][0-9A-F]/u;
/** A code between the start and stop signs of Code 39, which some scanners send. */
const CODE_39 = /^\*\s*([^*]*[^*\s])\s*\*$/u;
const EAN_OF_UPC = /^0[0-9]{12}$/u;
/** Categories of control, format, surrogate, private and separator; then characters that show nothing all the same. */
const HIDDEN =
  /(?! )[\p{C}\p{Z}]|[\u115f\u1160\u2800\u3164\uffa0]|\u034f|\u17b4|\u17b5|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]/u;

const trim = (text: string): string => text.replace(OUTER_SPACES, "");

/** What a label says, however it was read; never fails. See `plain_text` in codes.py. */
export function cleanCode(raw: string): string {
  let text = trim(raw.replace(GROUP_SEPARATOR, "").normalize("NFC").replace(SPACES, " "));
  text = trim(text.replace(AIM, ""));
  text = CODE_39.exec(text)?.[1] ?? text;
  if (EAN_OF_UPC.test(text) && hasCheckDigit(text)) return text.slice(1);
  return withoutSecret(text);
}

/** Why this text cannot be a code, as far as the device knows; null where it can. */
export function codeReason(raw: string): CodeReason | null {
  const text = cleanCode(raw);
  if (text === "") return "empty";
  if (Array.from(text).length > LONGEST_CODE) return "too_long";
  if (HIDDEN.test(text)) return "invisible";
  return text.slice(0, RESERVED.length).toLowerCase() === RESERVED ? "reserved" : null;
}

/** What two spellings of one code have in common: codes compare without regard to case. */
export function codeKey(text: string): string {
  return cleanCode(text).toLowerCase();
}

/** Whether the last digit is the check digit of a GTIN (GS1 General Specifications 7.9). */
export function hasCheckDigit(digits: string): boolean {
  const sum = Array.from(digits)
    .reverse()
    .reduce((now, digit, at) => now + Number(digit) * (at % 2 === 0 ? 1 : 3), 0);
  return sum % 10 === 0;
}

/** How this site's labels are read, as far as the device knows it. */
export interface LabelSite {
  hosts: readonly string[];
  patterns: readonly SitePattern[];
}

export interface SitePattern {
  expression: RegExp;
  kind: "parent" | "child" | null;
}

export interface Label {
  code: string;
  kind: "parent" | "child" | null;
  /** Probably not a bag's label, and no pattern matched. */
  foreign: Foreign | null;
}

/** A label pattern (RE2's syntax) for the device; null where a browser cannot say it: the server decides then. */
export function sitePattern(pattern: string, kind: SitePattern["kind"]): SitePattern | null {
  const own = pattern
    .replace(/\(\?P</gu, "(?<")
    .replace(/\\z/gu, "(?![\\s\\S])")
    .replace(/\\A/gu, "(?<![\\s\\S])")
    .replace(/^\(\?i\)/u, "");
  try {
    return { expression: new RegExp(own, "iu"), kind };
  } catch {
    return null;
  }
}

/** Reads a label as this site has set it: a URL of a known host, then the first pattern that matches. */
export function readLabel(raw: string, { hosts, patterns }: LabelSite): Label {
  const text = fromUrl(cleanCode(raw), hosts);
  const forms = /^[0-9]{12}$/u.test(text) && hasCheckDigit(text) ? [text, `0${text}`] : [text];
  for (const { expression, kind } of patterns) {
    for (const form of forms) {
      const match = expression.exec(form);
      if (match === null) continue;
      const groups: (string | undefined)[] = match.slice(1);
      const found = match.groups?.code ?? groups.find((group) => (group ?? "") !== "");
      return { code: cleanCode(found === undefined || found === "" ? match[0] : found), kind, foreign: null };
    }
  }
  return { code: text, kind: null, foreign: foreignKind(text, { patterns }) };
}

function fromUrl(text: string, hosts: readonly string[]): string {
  if (!/^https?:\/\//iu.test(text)) return text;
  try {
    const { hostname, pathname } = new URL(text);
    const segment = decodeURIComponent(pathname.replace(/\/+$/u, "").split("/").at(-1) ?? "");
    return segment !== "" && hosts.includes(hostname) ? cleanCode(segment) : text;
  } catch {
    return text;
  }
}

/** How text begins that is not a bag's. */
const FOREIGN: readonly (readonly [Foreign, RegExp])[] = [
  ["wifi", /^(?:wifi|dpp):/iu],
  // UPI and its applications, EPC (SEPA), Swiss QR bill, coins; EMVCo merchant-presented.
  [
    "payment",
    /^(?:(?:upi|paytmmp|phonepe|gpay|tez|bitcoin|ethereum|lightning|litecoin):|BCD 00[12]\b|SPC 02\d\d\b|000201.*6304[0-9A-F]{4}$)/iu,
  ],
  [
    "contact",
    /^(?:(?:mecard|bizcard|tel|sms|smsto|mms|mmsto|mailto|matmsg|smtp|geo|facetime|skype|whatsapp):|begin:(?:vcard|vevent|vcalendar)\b)/iu,
  ],
  ["secret", /^otpauth(?:-migration)?:/iu],
  ["url", /^(?:[a-z][a-z0-9+.-]*:\/\/|www\.|urlto:)/iu],
];
const PRODUCT = /^(?:[0-9]{8}|[0-9]{12,14})$/u;

/**
 * What a label is that no pattern matches and that is probably not a bag's. A product's code is foreign only where some
 * pattern tells a kind of bag; elsewhere bags may be numbered so.
 */
export function foreignKind(raw: string, { patterns }: Pick<LabelSite, "patterns">): Foreign | null {
  const text = cleanCode(raw);
  for (const [kind, expression] of FOREIGN) if (expression.test(text)) return kind;
  const tellsBags = patterns.some(({ kind }) => kind !== null);
  return tellsBags && PRODUCT.test(text) && hasCheckDigit(text) ? "product" : null;
}

/** The text without the password of a Wi-Fi label, or the secret of a one-time password. */
function withoutSecret(text: string): string {
  const found = /(wifi:)|otpauth(?:-migration)?:[^?]*/iu.exec(text);
  if (found === null) return text;
  const end = found.index + found[0].length;
  if (found[1] === undefined) return trim(text.slice(0, end));
  // Only the type, the name and whether it is hidden: a password may be written badly.
  const fields = (text.slice(end).match(/(?:\\.|[^;\\])+/gsu) ?? []).map(trim);
  return text.slice(0, end) + fields.filter((field) => /^[TSH]:/iu.test(field)).join(";");
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
