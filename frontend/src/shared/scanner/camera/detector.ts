import { Proofs } from "./ean";
import {
  FORMATS,
  isLinear,
  type CodeFormat,
  type Found,
  type Frame,
  type Look,
  type Point,
  type Reading,
} from "./found";
import ReaderWorker from "./reader.worker?worker";

/** Finds the codes in what a video shows now. */
export interface Detector {
  look: (video: HTMLVideoElement, formats: readonly CodeFormat[]) => Promise<Look>;
  close: () => void;
}

/** The platform's own reader, as far as this page uses it. */
interface PlatformDetector {
  detect: (
    picture: HTMLCanvasElement,
  ) => Promise<{ rawValue: string; format: string; cornerPoints: readonly Point[] }[]>;
}
interface PlatformDetectorType {
  new (options: { formats: readonly string[] }): PlatformDetector;
  getSupportedFormats: () => Promise<string[]>;
}

/** The longer side of what the reader gets, in px: more is slower and finds no more. */
const LONGEST = 1280;
/** A reader that says nothing for so long is not coming, in ms: its first answer waits for a download. */
const PATIENCE_MS = 30_000;

/** The platform's reader where it is real and knows our formats, else our own in a worker. */
export async function openDetector(): Promise<Detector> {
  const Platform = (globalThis as { BarcodeDetector?: PlatformDetectorType }).BarcodeDetector;
  // Some browsers have the name and read nothing.
  const known = (await Platform?.getSupportedFormats().catch(() => [])) ?? [];
  if (Platform === undefined || !FORMATS.every((format) => known.includes(format))) return ourReader();
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const proofs = new Proofs();
  // The same bars as an EAN-13, which it names otherwise.
  const upc = known.includes("upc_a") ? ["upc_a"] : [];
  const platform = new Platform({ formats: [...FORMATS, ...upc] });
  return {
    look: async (video, formats) => {
      const { videoWidth: width, videoHeight: height } = video;
      if (context === null || width === 0 || height === 0) return { found: [], broken: false };
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      context.drawImage(video, 0, 0);
      let picture: ImageData | undefined;
      const found: Found[] = [];
      for (const { rawValue: text, format, cornerPoints: corners } of await platform.detect(canvas)) {
        const kind = formats.find((one) => one === (format === "upc_a" ? "ean_13" : format));
        if (text === "" || kind === undefined) continue;
        if (kind.startsWith("ean")) picture ??= context.getImageData(0, 0, width, height);
        if (picture === undefined || proofs.holds(kind, text, picture, corners))
          found.push({ text, format: kind, linear: isLinear(kind), corners });
      }
      return { found, broken: false };
    },
    close: () => undefined,
  };
}

function ourReader(): Detector {
  const worker = new ReaderWorker();
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  // The reader is made ready by its first picture, while the camera still opens.
  const ready = ask(worker, { data: new ArrayBuffer(4), width: 1, height: 1, formats: ["qr_code"] });
  ready.catch(() => undefined);
  return {
    look: async (video, formats) => {
      await ready;
      const scale = Math.min(1, LONGEST / Math.max(video.videoWidth, video.videoHeight));
      const width = Math.round(video.videoWidth * scale);
      const height = Math.round(video.videoHeight * scale);
      if (context === null || width === 0 || height === 0) return { found: [], broken: false };
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      context.drawImage(video, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, height);
      const { found, broken } = await ask(worker, { data: data.buffer, width, height, formats });
      return {
        found: found.map((one) => ({
          ...one,
          corners: one.corners.map(({ x, y }) => ({ x: x / scale, y: y / scale })),
        })),
        broken,
      };
    },
    close: () => worker.terminate(),
  };
}

/** One frame at a time: the next is taken when this one is read. */
function ask(worker: Worker, frame: Frame): Promise<Look> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(why));
    const timer = setTimeout(() => fail("no answer"), PATIENCE_MS);
    const said = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    worker.onmessage = ({ data }: MessageEvent<Reading>) =>
      said(() => ("found" in data ? resolve(data) : fail(data.failed)));
    worker.onerror = (event) => said(() => fail(event.message));
    worker.postMessage(frame, [frame.data]);
  });
}
