import { prepareZXingModule, readBarcodes, type ReaderOptions } from "zxing-wasm/reader";
import wasm from "zxing-wasm/reader/zxing_reader.wasm?url";
import type { Found, Frame, Reading } from "./found";

// Ours, not the one that the library would fetch from elsewhere.
prepareZXingModule({ overrides: { locateFile: () => wasm } });

const OPTIONS: ReaderOptions = {
  formats: ["QRCode", "DataMatrix", "Code128", "EAN13", "EAN8"],
  tryHarder: true,
  tryRotate: true,
  textMode: "Plain",
  maxNumberOfSymbols: 50,
};

/** White on black is rare and costs as much again: only every so many frames look for it. */
const INVERTED_EVERY = 4;
let frames = 0;

async function read({ data, width, height }: Frame): Promise<Found[]> {
  frames += 1;
  const picture = new ImageData(new Uint8ClampedArray(data), width, height);
  const read = await readBarcodes(picture, { ...OPTIONS, tryInvert: frames % INVERTED_EVERY === 0 });
  return read
    .filter((one) => one.isValid && one.text !== "")
    .map(({ text, format, position: { topLeft, topRight, bottomRight, bottomLeft } }) => ({
      text,
      linear: format !== "QRCode" && format !== "DataMatrix" && !format.startsWith("QRCodeModel"),
      corners: [topLeft, topRight, bottomRight, bottomLeft],
    }));
}

addEventListener("message", (event: MessageEvent<Frame>) => {
  const answer = (reading: Reading) => postMessage(reading);
  read(event.data).then(
    (found) => answer({ found }),
    (error: unknown) => answer({ failed: String(error) }),
  );
});
