import { cleanCode } from "@/shared/queue/codes";

/** What a printed sheet can say to the scan screen; see docs/scan-protocol.md. */
export const COMMANDS = ["UNDO", "DONE", "NEXT", "CANCEL"] as const;
export type Command = (typeof COMMANDS)[number];

/** No bag has a code that begins so: the server refuses it. */
const PREFIX = "TT:";

/** By this code the set-up page judges a scanner: letters that other keyboards have elsewhere, both cases. */
export const TEST_CODE = `${PREFIX}TEST-aZqWyM-1590/`;

/** The text of a command's code. */
export const commandCode = (command: Command): string => PREFIX + command;

/** Whether a code is kept for commands, known to this page or not. Caps-lock does no harm. */
export const isReserved = (text: string): boolean => cleanCode(text).toUpperCase().startsWith(PREFIX);

/** The command that a code stands for; null where it is none. */
export function commandOf(text: string): Command | null {
  if (!isReserved(text)) return null;
  const name = cleanCode(text).slice(PREFIX.length).toUpperCase();
  return COMMANDS.find((command) => command === name) ?? null;
}
