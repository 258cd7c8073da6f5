import { lazy, Suspense } from "preact/compat";
import { useContext, useEffect, useRef, useState } from "react";
import { t } from "@/shared/i18n/i18n";
import { keepForGood } from "@/shared/queue/store";
import { commandOf } from "@/shared/scanner/commands";
import { useAwake } from "@/shared/scanner/useAwake";
import { useScanner } from "@/shared/scanner/useScanner";
import { signal } from "@/shared/sound/sound";
import { CameraDrawing, DoneDrawing, NextDrawing, TypeDrawing } from "@/shared/ui/acts";
import { Bar } from "@/shared/ui/Bar";
import { Icon } from "@/shared/ui/icons";
import { Interrupted } from "@/shared/ui/interrupted";
import { Asked } from "./Asked";
import { RefusedList } from "./RefusedList";
import { LastScans } from "./LastScans";
import { Refusal } from "./Refusal";
import { Stage } from "./Stage";
import { TypeCode } from "./TypeCode";
import { useFloor } from "./useFloor";
import "./scan.css";

const Camera = lazy(() => import("@/shared/scanner/camera/Camera"));
/** Whoever scans with the camera here finds it open the next time. */
const CAMERA = "tracetrack.camera";

/** The scan floor: parent first, then its children. */
export default function Scan() {
  const floor = useFloor();
  useAwake();
  useEffect(() => void keepForGood(), []);
  const field = useRef<HTMLInputElement>(null);
  const [typing, setTyping] = useState<string | null>(null);
  const [deciding, setDeciding] = useState(false);
  const [camera, setCamera] = useState(localStorage.getItem(CAMERA) === "on");
  const { packing, word } = floor;
  const interrupted = useContext(Interrupted);

  // The text as typed so far, known at once: keys do not wait until the field is drawn.
  const typed = useRef<string | null>(null);
  const type = (text: string | null) => {
    typed.current = text;
    setTyping(text);
  };

  const turnCamera = (on: boolean) => {
    localStorage.setItem(CAMERA, on ? "on" : "off");
    setCamera(on);
  };

  /** A code from wherever it comes: a bag's, or a command's from the printed sheet. */
  const take = (code: string) => {
    switch (commandOf(code)) {
      case "UNDO":
        return floor.undoLast();
      case "DONE":
        return floor.done();
      case "NEXT":
        floor.next();
        return signal("ok");
      case "CANCEL":
        floor.dismiss();
        setDeciding(false);
        return signal("ok");
      case null:
        return floor.scan(code);
    }
  };

  useScanner(field, {
    active: typing === null,
    onCode: (code) => {
      const begun = typed.current ?? "";
      type(null);
      take(begun + code);
    },
    onSlowTyping: (text) => type((typed.current ?? "") + text),
  });

  // Somebody who looked at the last scans sees what comes of the next.
  const said = word?.id;
  useEffect(() => {
    if (said !== undefined) scrollTo({ top: 0 });
  }, [said]);

  const refused = word?.tone === "refused" || word?.tone === "other" ? word : null;
  const [asked] = floor.view.asked;
  return (
    <div class="scan" data-tone={word?.tone} data-beat={word === null ? undefined : word.id % 2}>
      {/* Keyed by the act: each one starts the flash anew. */}
      {word !== null && <div class="flash" key={word.id} data-tone={word.tone} aria-hidden="true" />}
      <Bar title={t("scan.title")} />
      <main class="scan-page">
        <input
          ref={field}
          class="scanner-field"
          type="text"
          inputMode="none"
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          tabIndex={-1}
          aria-label={t("scan.field")}
        />
        <div class="scan-side">
          {camera && (
            <Suspense fallback={<div class="camera-place" />}>
              <Camera
                onCodes={(codes) => {
                  // A refusal is over the picture: the next label must not wipe it away unseen.
                  if (floor.mustBeSeen() || deciding) return false;
                  const [only, ...more] = codes;
                  if (only === undefined || more.length > 0) return floor.scanTogether(codes);
                  take(only);
                  return true;
                }}
                toneOf={floor.toneOf}
                lot={floor.lot}
                hint={t(packing ? "camera.one" : "camera.parentFirst")}
                onClose={() => turnCamera(false)}
              />
            </Suspense>
          )}
          <Stage floor={floor} small={camera} />
          <div class="scan-actions">
            {packing && (
              <>
                <button type="button" class="button" data-kind="ok" data-size="scan" onClick={floor.done}>
                  <DoneDrawing class="act-drawing" />
                  {t("scan.done")}
                </button>
                <button
                  type="button"
                  class="button"
                  data-size="scan"
                  aria-label={t("scan.next")}
                  onClick={floor.next}
                >
                  <NextDrawing class="act-drawing" />
                  {t("scan.next.short")}
                </button>
              </>
            )}
            {/* In their places with and without a big bag: a second tap on Done must not open the camera. */}
            <button
              type="button"
              class="button"
              data-size="scan"
              data-act="camera"
              aria-label={t(camera ? "camera.close" : "camera.title")}
              onClick={() => turnCamera(!camera)}
            >
              <CameraDrawing class="act-drawing" crossed={camera} />
              {t("camera.title")}
            </button>
            <button
              type="button"
              class="button"
              data-size="scan"
              data-act="type"
              aria-label={t("scan.type")}
              onClick={() => type("")}
            >
              <TypeDrawing class="act-drawing" />
              {t("scan.type.short")}
            </button>
          </div>
        </div>
        <div class="scan-side">
          {interrupted !== null && (
            <button type="button" class="needs-you" data-testid="interrupted" onClick={interrupted.go}>
              <Icon name="lock" />
              {t(`interrupted.${interrupted.why}`)}
              <Icon name="forward" />
            </button>
          )}
          {floor.view.refused.length > 0 && (
            <button type="button" class="needs-you" onClick={() => setDeciding(true)}>
              <Icon name="refused" />
              {t("refused.list", { count: floor.view.refused.length })}
              <Icon name="forward" />
            </button>
          )}
          <LastScans
            scans={floor.last}
            link={floor.view.link}
            undoing={floor.undoing}
            onUndo={(scan) => void floor.undo(scan)}
          />
        </div>
      </main>
      {asked !== undefined && !deciding && <Asked scan={asked} floor={floor} />}
      {refused !== null && !deciding && (
        <Refusal
          word={refused}
          onOk={floor.dismiss}
          onLeave={
            refused.tone === "other" && refused.scan !== null
              ? () => floor.leave(refused.scan ?? never())
              : null
          }
          onMove={
            refused.scan !== null && floor.canMove(refused.problem, refused.scan)
              ? () => floor.move(refused.scan ?? never())
              : null
          }
          onOpen={
            refused.problem?.code === "bag_is_parent"
              ? () => {
                  floor.dismiss();
                  floor.open(refused.code);
                }
              : null
          }
        />
      )}
      {typing !== null && (
        <TypeCode
          code={typing}
          onType={type}
          kind={packing ? "child" : "parent"}
          onCode={(code) => {
            type(null);
            take(code);
          }}
          onClose={() => type(null)}
        />
      )}
      {deciding && <RefusedList floor={floor} onClose={() => setDeciding(false)} />}
    </div>
  );
}

function never(): never {
  throw new Error("cannot happen");
}
