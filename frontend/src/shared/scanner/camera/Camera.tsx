import { useEffect, useRef, useState } from "react";
import { t, type MessageKey } from "@/shared/i18n/i18n";
import { signal, type Tone } from "@/shared/sound/sound";
import { CameraDrawing } from "@/shared/ui/acts";
import { Icon, shapeOf } from "@/shared/ui/icons";
import { chooseCodes } from "./choose";
import type { CodeFormat, Found } from "./found";
import { Watch, type Notice } from "./notices";
import { Presence } from "./presence";
import { useFormats } from "./useFormats";
import { useCamera, type CameraState, type Trouble } from "./useCamera";
import "./camera.css";

export interface CameraProps {
  /** The codes that came into the frame together. False when they cannot be taken so. */
  onCodes: (codes: readonly string[]) => boolean;
  /** What came of a code so far; null before it was taken. */
  toneOf: (code: string) => Tone | null;
  /** What to do when codes cannot be taken: said while they are in the frame. */
  hint: string;
  /** Codes that belong together with those that come, see `chooseCodes`. */
  lot?: readonly string[] | undefined;
  onClose: () => void;
}

/** Marks stay this long after a picture in which their code could not be read, in ms. */
const LINGER_MS = 400;

const SENTENCES: Record<Trouble, MessageKey> = {
  insecure: "camera.insecure",
  refused: "camera.refused",
  none: "camera.none",
  busy: "camera.busy",
  unread: "camera.noReader",
};

/** How printers call the kinds of codes. */
const KINDS: Record<CodeFormat, string> = {
  qr_code: "QR",
  data_matrix: "Data Matrix",
  code_128: "Code 128",
  ean_13: "EAN-13",
  ean_8: "EAN-8",
  code_39: "Code 39",
  itf: "ITF",
  pdf417: "PDF417",
  aztec: "Aztec",
};

const textOf = (notice: Notice): string => {
  switch (notice.kind) {
    case "otherKind":
      return t("camera.otherKind", { kind: KINDS[notice.format] });
    case "twice":
      return t("camera.twice", { code: notice.code });
    default:
      return t(`camera.${notice.kind}`);
  }
};

const isTrouble = (state: CameraState): state is Trouble => state in SENTENCES;

interface Mark extends Found {
  at: number;
}

/** What the camera sees, with a mark of its outcome on each code. */
export default function Camera({ onCodes, toneOf, hint, lot, onClose }: CameraProps) {
  const video = useRef<HTMLVideoElement>(null);
  const presence = useRef(new Presence());
  const [marks, setMarks] = useState<readonly Mark[]>([]);
  const [declined, setDeclined] = useState(false);
  const watch = useRef(new Watch());
  const [notice, setNotice] = useState<Notice | null>(null);
  const formats = useFormats();
  const { state, torch, again } = useCamera(video, formats, (sighting, at) => {
    const { found } = sighting;
    setMarks((now) => {
      const seen = now.filter(
        (mark) => at - mark.at < LINGER_MS && !found.some((one) => one.text === mark.text),
      );
      const marks = [...seen, ...found.map((one) => ({ ...one, at }))];
      return now.length === 0 && marks.length === 0 ? now : marks;
    });
    const sight = presence.current.look(found, at);
    const { codes, declined: left } = chooseCodes(sight, lot);
    const accepted = codes.length === 0 || onCodes(codes);
    if (accepted) presence.current.take(codes);
    setDeclined(left || !accepted);
    const now = watch.current.look(sighting, sight, at);
    setNotice((before) => (JSON.stringify(before) === JSON.stringify(now) ? before : now));
  });

  // What stops the work is heard once; that nothing lies before the camera is only shown.
  const told = notice === null || notice.kind === "nothing" ? null : textOf(notice);
  useEffect(() => {
    if (told !== null) signal("refused");
  }, [told]);
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
          {marks.map((mark, at) => (
            <MarkOf key={`${mark.text} ${at}`} mark={mark} tone={toneOf(mark.text)} unit={height / 360} />
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
            {state !== "running"
              ? t(`camera.${state}`)
              : told !== null
                ? told
                : declined
                  ? hint
                  : notice === null
                    ? ""
                    : textOf(notice)}
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
