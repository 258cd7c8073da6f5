import { expect, test } from "vitest";
import { commandCode, commandOf, COMMANDS, isReserved, TEST_CODE } from "./commands";

test.each(COMMANDS)(
  "%s is known as it was printed, with caps-lock and with a scanner's prefix",
  (command) => {
    const code = commandCode(command);
    for (const text of [code, code.toLowerCase(), `]Q1${code}\r`, `  ${code} `])
      expect(commandOf(text)).toBe(command);
  },
);

test("a bag's code is no command, and the test code is kept but commands nothing", () => {
  for (const text of ["UNDO", "TTUNDO", "XTT:UNDO", "TT-UNDO", ""]) {
    expect(commandOf(text)).toBeNull();
    expect(isReserved(text)).toBe(false);
  }
  for (const text of [TEST_CODE, "TT:", "tt:whatever"]) {
    expect(commandOf(text)).toBeNull();
    expect(isReserved(text)).toBe(true);
  }
});
