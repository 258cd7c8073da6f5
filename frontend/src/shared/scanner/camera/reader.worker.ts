import { prepareZXingModule, readBarcodes, type ReaderOptions } from "zxing-wasm/reader";
import wasm from "zxing-wasm/reader/zxing_reader.wasm?url";
import { Proofs } from "./ean";
import { isLinear, type CodeFormat, type Found, type Frame, type Look, type Reading } from "./found";

// Ours, not the one that the library would fetch from elsewhere.
prepareZXingModule({ overrides: { locateFile: () => wasm } });

const OPTIONS: ReaderOptions = {
  tryHarder: true,
  tryRotate: true,
  // A smaller picture of bars is at times another code's.
  tryDownscale: false,
  returnErrors: true,
  textMode: "Plain",
  maxNumberOfSymbols: 50,
};

const NAMES: Record<CodeFormat, NonNullable<ReaderOptions["formats"]>[number]> = {
  qr_code: "QRCode",
  data_matrix: "DataMatrix",
  code_128: "Code128",
  ean_13: "EAN13",
  ean_8: "EAN8",
  code_39: "Code39",
  itf: "ITF",
  pdf417: "PDF417",
  aztec: "Aztec",
};

/** White on black is rare and costs as much again: only every so many frames look for it. */
const INVERTED_EVERY = 4;
let frames = 0;
const proofs = new Proofs();

async function read({ data, width, height, formats }: Frame): Promise<Look> {
  frames += 1;
  const picture = new ImageData(new Uint8ClampedArray(data), width, height);
  const read = await readBarcodes(picture, {
    ...OPTIONS,
    formats: formats.map((format) => NAMES[format]),
    tryInvert: frames % INVERTED_EVERY === 0,
  });
  let broken = false;
  const found: Found[] = [];
  for (const { isValid, text, format, position } of read) {
    // The library also names the variant that it saw, such as QRCodeModel2.
    const kind = formats.find((one) => format.startsWith(NAMES[one]));
    const { topLeft, topRight, bottomRight, bottomLeft } = position;
    const corners = [topLeft, topRight, bottomRight, bottomLeft];
    if (!isValid || (kind !== undefined && !proofs.holds(kind, text, picture, corners))) broken = true;
    else if (text !== "" && kind !== undefined)
      found.push({ text, format: kind, linear: isLinear(kind), corners });
  }
  return { found, broken };
}

addEventListener("message", (event: MessageEvent<Frame>) => {
  const answer = (reading: Reading) => postMessage(reading);
  read(event.data).then(answer, (error: unknown) => answer({ failed: String(error) }));
});
