import { useEffect, useRef, useState, type RefObject } from "react";
import { openDetector, type Detector } from "./detector";
import { FORMATS, type CodeFormat, type Found } from "./found";

/** Why there is no picture. */
export type Trouble = "insecure" | "refused" | "none" | "busy" | "unread";
export type CameraState = "starting" | "asking" | "running" | Trouble;

/** One look at the picture. */
export interface Sighting {
  /** Of the kinds that this site reads. */
  found: readonly Found[];
  /** Of another kind. */
  others: readonly Found[];
  broken: boolean;
  /** The picture is black. */
  dark: boolean;
}

export interface Torch {
  on: boolean;
  turn: () => void;
}

/** Time from one look to the next, in ms: quick enough for a hand, easy on the battery. */
const LOOK_MS = 90;
/** A picture that does not come in this time is not waited for. */
const FRAME_MS = 500;
/** A question of the browser that is unanswered for so long, in ms, is pointed to. */
const ASKED_MS = 2_500;
/** Without a code for so long, in ms, every so many looks are for kinds of codes that this site does not read. */
const OTHERS_MS = 1_500;
const OTHERS_EVERY = 4;
/** Side in px of the small picture whose brightness is taken, and the brightest of its grey levels that is still black. */
const DARK_SIDE = 16;
const DARK_LEVEL = 24;

/** What `MediaTrackCapabilities` and its constraints know of lamps; TypeScript does not yet. */
type Lamp = { torch?: boolean };

const WANTED: MediaStreamConstraints = {
  audio: false,
  video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
};

/** Shows the camera in `video` and says what it sees, as long as the page is in sight. */
export function useCamera(
  video: RefObject<HTMLVideoElement | null>,
  formats: readonly CodeFormat[],
  onLook: (sighting: Sighting, at: number) => void,
) {
  const [state, setState] = useState<CameraState>("starting");
  const [torch, setTorch] = useState<Torch | null>(null);
  const [attempt, setAttempt] = useState(0);
  const told = useRef(onLook);
  told.current = onLook;
  const wanted = useRef(formats);
  wanted.current = formats;

  useEffect(() => {
    const screen = video.current;
    if (screen === null) return;
    let stream: MediaStream | null = null;
    let detector: Detector | null = null;
    /** Counts starts and stops, so that what comes late knows that it is not wanted any more. */
    let turn = 0;

    const stop = () => {
      turn += 1;
      for (const track of stream?.getTracks() ?? []) track.stop();
      stream = null;
      screen.srcObject = null;
      setTorch(null);
    };

    const fail = (trouble: Trouble) => {
      stop();
      setState(trouble);
    };

    const start = async () => {
      if (stream !== null || document.visibilityState !== "visible") return;
      const mine = ++turn;
      setState("starting");
      // A browser hides its cameras from pages that came over an open line.
      const devices = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
      if (devices === undefined) return fail(isSecureContext ? "none" : "insecure");
      // While the browser asks for the camera, the reader is fetched.
      const opening = detector === null ? openDetector() : Promise.resolve(detector);
      opening.catch(() => undefined);
      const asking = setTimeout(() => mine === turn && setState("asking"), ASKED_MS);
      let got: MediaStream;
      try {
        got = await devices.getUserMedia(WANTED);
      } catch (error) {
        void opening.then((one) => one !== detector && one.close());
        if (mine === turn) fail(troubleOf(error));
        return;
      } finally {
        clearTimeout(asking);
      }
      if (mine !== turn) return got.getTracks().forEach((track) => track.stop());
      stream = got;
      const track = got.getVideoTracks()[0];
      track?.addEventListener("ended", () => mine === turn && fail("none"));
      setTorch(track === undefined ? null : torchOf(track, setTorch));
      screen.srcObject = got;
      await screen.play().catch(() => undefined);
      try {
        detector = await opening;
        await watch(detector, mine);
      } catch (error) {
        if (mine !== turn) return;
        console.warn(error);
        detector?.close();
        detector = null;
        fail("unread");
      }
    };

    const watch = async (reader: Detector, mine: number) => {
      const current = () => mine === turn;
      const brightest = brightness();
      let looks = 0;
      let readAt = performance.now();
      while (current()) {
        const began = performance.now();
        await picture(screen);
        if (!current() || screen.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) continue;
        looks += 1;
        const own = wanted.current;
        const all = began - readAt > OTHERS_MS && looks % OTHERS_EVERY === 0;
        const { found, broken } = await reader.look(screen, all ? FORMATS : own);
        if (!current()) return;
        setState("running");
        const at = performance.now();
        if (found.length > 0) readAt = at;
        const isOwn = ({ format }: Found) => own.includes(format);
        told.current(
          {
            found: found.filter(isOwn),
            others: found.filter((one) => !isOwn(one)),
            broken,
            dark: brightest(screen) <= DARK_LEVEL,
          },
          at,
        );
        await new Promise((resolve) => setTimeout(resolve, began + LOOK_MS - performance.now()));
      }
    };

    const onVisibility = () => {
      if (document.visibilityState === "visible") void start();
      else stop();
    };

    void start();
    document.addEventListener("visibilitychange", onVisibility);
    return () => {
      document.removeEventListener("visibilitychange", onVisibility);
      stop();
      detector?.close();
    };
  }, [video, attempt]);

  return { state, torch, again: () => setAttempt((now) => now + 1) };
}

/** The brightest grey level of a picture, from 0 to 255. */
function brightness(): (video: HTMLVideoElement) => number {
  const canvas = document.createElement("canvas");
  canvas.width = DARK_SIDE;
  canvas.height = DARK_SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return (video) => {
    if (context === null) return 255;
    context.drawImage(video, 0, 0, DARK_SIDE, DARK_SIDE);
    const { data } = context.getImageData(0, 0, DARK_SIDE, DARK_SIDE);
    return data.reduce((most, level, at) => (at % 4 === 3 ? most : Math.max(most, level)), 0);
  };
}

/** Waits for the next picture of the camera, where the browser tells of it. */
function picture(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, FRAME_MS);
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(() => resolve());
    else requestAnimationFrame(() => resolve());
  });
}

function torchOf(track: MediaStreamTrack, set: (torch: Torch) => void): Torch | null {
  // Firefox does not tell what its cameras can do.
  const able = "getCapabilities" in track && (track.getCapabilities() as Lamp).torch === true;
  if (!able) return null;
  const lamp = (on: boolean): Torch => ({
    on,
    turn: () => {
      const wish: MediaTrackConstraints & { advanced: Lamp[] } = { advanced: [{ torch: !on }] };
      track.applyConstraints(wish).then(
        () => set(lamp(!on)),
        () => undefined,
      );
    },
  });
  return lamp(false);
}

function troubleOf(error: unknown): Trouble {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "refused";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "none";
  }
}
