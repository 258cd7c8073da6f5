import { useRef, useState } from "react";
import { t, type MessageKey } from "@/shared/i18n/i18n";
import type { Tone } from "@/shared/sound/sound";
import { CameraDrawing } from "@/shared/ui/acts";
import { Icon, shapeOf } from "@/shared/ui/icons";
import type { Found } from "./found";
import { Presence } from "./presence";
import { useCamera, type CameraState, type Trouble } from "./useCamera";
import "./camera.css";

export interface CameraProps {
  /** The codes that came into the frame together. False when they cannot be taken so. */
  onCodes: (codes: readonly string[]) => boolean;
  /** What came of a code so far; null before it was taken. */
  toneOf: (code: string) => Tone | null;
  /** What to do when codes cannot be taken: said while they are in the frame. */
  hint: string;
  onClose: () => void;
}

/** Marks stay this long after a picture in which their code could not be read, in ms. */
const LINGER_MS = 400;

const SENTENCES: Record<Trouble, MessageKey> = {
  insecure: "camera.insecure",
  refused: "camera.refused",
  none: "camera.none",
  busy: "camera.busy",
  unread: "camera.unread",
};

const isTrouble = (state: CameraState): state is Trouble => state in SENTENCES;

interface Mark extends Found {
  at: number;
}

/** What the camera sees, with a mark of its outcome on each code. */
export default function Camera({ onCodes, toneOf, hint, onClose }: CameraProps) {
  const video = useRef<HTMLVideoElement>(null);
  const presence = useRef(new Presence());
  const [marks, setMarks] = useState<readonly Mark[]>([]);
  const [declined, setDeclined] = useState(false);
  const { state, torch, again } = useCamera(video, (found, at) => {
    setMarks((now) => {
      const seen = new Map(now.filter((mark) => at - mark.at < LINGER_MS).map((mark) => [mark.text, mark]));
      for (const one of found) seen.set(one.text, { ...one, at });
      return now.length === 0 && seen.size === 0 ? now : [...seen.values()];
    });
    const fresh = presence.current.look(found, at);
    const accepted = fresh.length === 0 || onCodes(fresh);
    if (accepted) presence.current.take(fresh);
    setDeclined(!accepted);
  });
  const { videoWidth: width = 0, videoHeight: height = 0 } = video.current ?? {};
  return (
    <section class="camera" aria-label={t("camera.title")} data-testid="camera" data-state={state}>
      <video ref={video} playsInline muted aria-hidden="true" />
      {state === "running" && width > 0 && (
        <svg
          class="camera-marks"
          viewBox={`0 0 ${width} ${height}`}
          preserveAspectRatio="xMidYMid slice"
          aria-hidden="true"
        >
          {marks.map((mark) => (
            <MarkOf key={mark.text} mark={mark} tone={toneOf(mark.text)} unit={height / 360} />
          ))}
        </svg>
      )}
      {isTrouble(state) ? (
        <div class="camera-trouble">
          <CameraDrawing class="camera-drawing" crossed />
          <p role="alert">{t(SENTENCES[state])}</p>
          <button type="button" class="button" data-size="scan" onClick={again}>
            <Icon name="again" />
            {t("app.retry")}
          </button>
        </div>
      ) : (
        <>
          <p class="camera-said" role="status">
            {state === "starting" ? t("camera.starting") : declined ? hint : ""}
          </p>
          {torch !== null && (
            <button
              type="button"
              class="camera-button camera-torch"
              aria-label={t("camera.torch")}
              aria-pressed={torch.on}
              onClick={torch.turn}
            >
              <Icon name="torch" />
            </button>
          )}
        </>
      )}
      <button
        type="button"
        class="camera-button camera-close"
        aria-label={t("camera.close")}
        onClick={onClose}
      >
        <Icon name="close" />
      </button>
    </section>
  );
}

/** A frame around the code in its outcome's colour, the outcome's shape in the middle. */
function MarkOf({ mark, tone, unit }: { mark: Mark; tone: Tone | null; unit: number }) {
  const { corners } = mark;
  const middle = {
    x: corners.reduce((sum, { x }) => sum + x, 0) / corners.length,
    y: corners.reduce((sum, { y }) => sum + y, 0) / corners.length,
  };
  return (
    <g class="camera-mark" data-tone={tone ?? "none"} data-testid="camera-mark">
      <title>{mark.text}</title>
      <polygon points={corners.map(({ x, y }) => `${x},${y}`).join(" ")} stroke-width={4 * unit} />
      {tone !== null && (
        // Icons are 24 units wide: twice that, in the middle of the code.
        <g transform={`translate(${middle.x} ${middle.y}) scale(${2 * unit}) translate(-12 -12)`}>
          <circle cx="12" cy="12" r="15" class="camera-mark-ground" />
          <g class="glyph">{shapeOf(tone)}</g>
        </g>
      )}
    </g>
  );
}
