/** Codes that the server is asked about at once. */
export const MOST = 5_000;

/** The codes of a pasted column or row of a sheet: a line or a cell each. A code may have spaces and commas in it. */
export const codesIn = (text: string): string[] =>
  text
    .split(/[\r\n\t]+/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
