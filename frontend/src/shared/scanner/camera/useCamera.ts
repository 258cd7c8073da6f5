import { useEffect, useRef, useState, type RefObject } from "react";
import { openDetector, type Detector } from "./detector";
import type { Found } from "./found";

/** Why there is no picture. */
export type Trouble = "insecure" | "refused" | "none" | "busy" | "unread";
export type CameraState = "starting" | "running" | Trouble;

export interface Torch {
  on: boolean;
  turn: () => void;
}

/** Time from one look to the next, in ms: quick enough for a hand, easy on the battery. */
const LOOK_MS = 90;
/** A picture that does not come in this time is not waited for. */
const FRAME_MS = 500;

/** What `MediaTrackCapabilities` and its constraints know of lamps; TypeScript does not yet. */
type Lamp = { torch?: boolean };

const WANTED: MediaStreamConstraints = {
  audio: false,
  video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
};

/** Shows the camera in `video` and says what it sees, as long as the page is in sight. */
export function useCamera(
  video: RefObject<HTMLVideoElement | null>,
  onLook: (found: readonly Found[], at: number) => void,
) {
  const [state, setState] = useState<CameraState>("starting");
  const [torch, setTorch] = useState<Torch | null>(null);
  const [attempt, setAttempt] = useState(0);
  const told = useRef(onLook);
  told.current = onLook;

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
      let got: MediaStream;
      try {
        got = await devices.getUserMedia(WANTED);
      } catch (error) {
        if (mine === turn) fail(troubleOf(error));
        return;
      }
      if (mine !== turn) return got.getTracks().forEach((track) => track.stop());
      stream = got;
      const track = got.getVideoTracks()[0];
      track?.addEventListener("ended", () => mine === turn && fail("none"));
      setTorch(track === undefined ? null : torchOf(track, setTorch));
      screen.srcObject = got;
      await screen.play().catch(() => undefined);
      try {
        detector ??= await openDetector();
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
      while (current()) {
        const began = performance.now();
        await picture(screen);
        if (!current() || screen.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) continue;
        const found = await reader.look(screen);
        if (!current()) return;
        setState("running");
        told.current(found, performance.now());
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
