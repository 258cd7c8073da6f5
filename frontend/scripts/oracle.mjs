// What other programs show of workbooks and of numbers under a format, for the tests of imports.
// Takes JSON on standard input: {files: [path], formats: [[format, number]]}.
// Gives {files: {path: {sheet: {cell: text}}}, formats: [{ssf, numfmt}]}; an error is {error}.
import { readFileSync } from "node:fs";
import { format as numfmt } from "numfmt";
import SSF from "ssf";
import XLSX from "xlsx";

const { files = [], formats = [] } = JSON.parse(readFileSync(0, "utf8"));

function shown(path) {
  try {
    const book = XLSX.read(readFileSync(path), { cellText: true, cellNF: true, cellDates: false });
    return Object.fromEntries(
      book.SheetNames.map((name) => [
        name,
        Object.fromEntries(
          Object.entries(book.Sheets[name])
            .filter(([cell, value]) => !cell.startsWith("!") && value.t !== "z")
            .map(([cell, value]) => [cell, value.w ?? String(value.v ?? "")]),
        ),
      ]),
    );
  } catch (error) {
    return { error: String(error) };
  }
}

function attempt(render) {
  try {
    return render();
  } catch (error) {
    return { error: String(error) };
  }
}

process.stdout.write(
  JSON.stringify({
    files: Object.fromEntries(files.map((path) => [path, shown(path)])),
    formats: formats.map(([format, number]) => ({
      ssf: attempt(() => SSF.format(format, number)),
      numfmt: attempt(() => numfmt(format, number)),
    })),
  }),
);
