import type { Found, Frame, Point, Reading } from "./found";
import ReaderWorker from "./reader.worker?worker";

/** Finds the codes in what a video shows now. */
export interface Detector {
  look: (video: HTMLVideoElement) => Promise<Found[]>;
  close: () => void;
}

/** The platform's own reader, as far as this page uses it. */
interface PlatformDetector {
  detect: (
    video: HTMLVideoElement,
  ) => Promise<{ rawValue: string; format: string; cornerPoints: readonly Point[] }[]>;
}
interface PlatformDetectorType {
  new (options: { formats: readonly string[] }): PlatformDetector;
  getSupportedFormats: () => Promise<string[]>;
}

const FORMATS = ["qr_code", "data_matrix", "code_128", "ean_13", "ean_8"] as const;
const MATRIX: readonly string[] = ["qr_code", "data_matrix"];
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
  const platform = new Platform({ formats: FORMATS });
  return {
    look: async (video) =>
      (await platform.detect(video))
        .filter((one) => one.rawValue !== "")
        .map(({ rawValue, format, cornerPoints }) => ({
          text: rawValue,
          linear: !MATRIX.includes(format),
          corners: cornerPoints,
        })),
    close: () => undefined,
  };
}

function ourReader(): Detector {
  const worker = new ReaderWorker();
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return {
    look: async (video) => {
      const scale = Math.min(1, LONGEST / Math.max(video.videoWidth, video.videoHeight));
      const width = Math.round(video.videoWidth * scale);
      const height = Math.round(video.videoHeight * scale);
      if (context === null || width === 0 || height === 0) return [];
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      context.drawImage(video, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, height);
      const found = await ask(worker, { data: data.buffer, width, height });
      return found.map((one) => ({
        ...one,
        corners: one.corners.map(({ x, y }) => ({ x: x / scale, y: y / scale })),
      }));
    },
    close: () => worker.terminate(),
  };
}

/** One frame at a time: the next is taken when this one is read. */
function ask(worker: Worker, frame: Frame): Promise<Found[]> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(why));
    const timer = setTimeout(() => fail("no answer"), PATIENCE_MS);
    const said = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    worker.onmessage = ({ data }: MessageEvent<Reading>) =>
      said(() => ("found" in data ? resolve(data.found) : fail(data.failed)));
    worker.onerror = (event) => said(() => fail(event.message));
    worker.postMessage(frame, [frame.data]);
  });
}
