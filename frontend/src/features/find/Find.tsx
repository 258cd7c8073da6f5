import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "preact/compat";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { useLocation, useSearchParams } from "wouter";
import { lookup } from "@/shared/api/calls";
import { ApiProblem } from "@/shared/api/problems";
import { t } from "@/shared/i18n/i18n";
import { errorText } from "@/shared/i18n/problem";
import { cleanCode } from "@/shared/queue/codes";
import { useTaker } from "@/shared/scanner/keyboard";
import { signal } from "@/shared/sound/sound";
import { Bar } from "@/shared/ui/Bar";
import { FindDrawing } from "@/shared/ui/drawings";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { BagPage } from "./BagPage";
import "./find.css";

const Camera = lazy(() => import("@/shared/scanner/camera/Camera"));
const unknown = () => null;

/** Any code: what it is, where it is, its whole story. */
export default function Find() {
  const [params] = useSearchParams();
  const [, go] = useLocation();
  const asked = params.get("code");
  const [camera, setCamera] = useState(false);
  const look = (code: string) => {
    const cleaned = cleanCode(code);
    if (cleaned !== "") go(`/find?code=${encodeURIComponent(cleaned)}`);
  };
  const found = useQuery({
    queryKey: ["lookup", asked],
    queryFn: () => lookup(asked ?? ""),
    enabled: asked !== null,
    // What was known stays on screen, if it is about the same bag; never another bag's.
    staleTime: 0,
  });
  const tone = found.isError ? "refused" : found.isSuccess ? "ok" : null;
  useEffect(() => {
    if (tone !== null) signal(tone);
  }, [tone, asked]);

  return (
    <>
      <Bar title={t("find.title")} />
      <main class="page find">
        <SearchField asked={asked} onCode={look} onCamera={() => setCamera(true)} />
        {camera && (
          <Suspense fallback={null}>
            <Camera
              onCodes={([code, ...more]) => {
                if (code === undefined || more.length > 0) return false;
                // The answer needs the room.
                setCamera(false);
                look(code);
                return true;
              }}
              toneOf={unknown}
              hint={t("camera.one")}
              onClose={() => setCamera(false)}
            />
          </Suspense>
        )}
        <div aria-live="polite" class="find-answer">
          {asked === null ? (
            <div class="middle">
              <FindDrawing class="find-drawing" />
              <p class="find-ask">{t("find.ask")}</p>
            </div>
          ) : found.isPending ? (
            <div class="middle breathing">
              <FindDrawing class="find-drawing" />
              <p>{t("find.searching", { code: asked })}</p>
            </div>
          ) : found.isError ? (
            <NotFound code={asked} error={found.error} onCode={look} onRetry={() => void found.refetch()} />
          ) : (
            <BagPage key={found.data.bag.id} found={found.data} />
          )}
        </div>
      </main>
    </>
  );
}

/** Typing or a scanner, wherever the focus was: the text goes here, and Enter looks. */
function SearchField({
  asked,
  onCode,
  onCamera,
}: {
  asked: string | null;
  onCode: (code: string) => void;
  onCamera: () => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  useTaker({ onCode, field: () => input.current }, true);

  // Before the next paint, and without state: a scanner's first letter must neither be lost nor selected
  // away by what is done here.
  useLayoutEffect(() => {
    const field = input.current;
    if (field === null) return;
    if (cleanCode(field.value) !== (asked ?? "")) field.value = asked ?? "";
    field.focus({ preventScroll: true });
    // Selected, so that the next scan takes the place of this one.
    if (field.value !== "") field.select();
  }, [asked]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.key.length !== 1) return;
      if (event.target instanceof HTMLInputElement) return;
      if (event.key === " " && event.target instanceof HTMLElement && event.target.closest("a, button"))
        return;
      input.current?.focus();
      input.current?.select();
    };
    document.addEventListener("keydown", onKey, true);
    return () => document.removeEventListener("keydown", onKey, true);
  }, []);

  return (
    <form
      class="find-form"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onCode(input.current?.value ?? "");
        input.current?.select();
      }}
    >
      <div class="field-box">
        <Icon name="find" />
        <input
          ref={input}
          type="text"
          name="code"
          class="code"
          aria-label={t("find.field")}
          maxLength={2048}
          autoComplete="off"
          autoCapitalize="none"
          spellcheck={false}
          enterKeyHint="search"
          onKeyDown={(event) => {
            // Scanners that end a code with Tab.
            const code = cleanCode(event.currentTarget.value);
            if (event.key === "Tab" && !event.shiftKey && code !== "" && code !== asked) {
              event.preventDefault();
              onCode(code);
            }
          }}
        />
        <button type="button" class="icon-button" aria-label={t("camera.title")} onClick={onCamera}>
          <Icon name="camera" />
        </button>
      </div>
      <button type="submit" class="button" data-kind="main" data-size="scan">
        {t("find.go")}
      </button>
    </form>
  );
}

interface NotFoundProps {
  code: string;
  error: unknown;
  onCode: (code: string) => void;
  onRetry: () => void;
}

function NotFound({ code, error, onCode, onRetry }: NotFoundProps) {
  if (!(error instanceof ApiProblem) || error.problem.code !== "bag_not_found")
    return (
      <div class="find-none">
        <Note tone="refused" alert>
          {errorText(error)}
        </Note>
        <button type="button" class="button" data-size="scan" onClick={onRetry}>
          {t("app.retry")}
        </button>
      </div>
    );
  const meant = error.problem.did_you_mean;
  const codes = Array.isArray(meant) ? meant.filter((one) => typeof one === "string") : [];
  return (
    <div class="find-none">
      <Note tone="refused" alert>
        {t("find.none", { code })}
      </Note>
      {codes.length === 0 ? (
        <p>{t("find.again")}</p>
      ) : (
        <>
          <h2>{t("find.meant")}</h2>
          <ul class="find-meant">
            {codes.map((one) => (
              <li key={one}>
                <button type="button" class="button" data-size="scan" data-wide onClick={() => onCode(one)}>
                  <span class="code">{one}</span>
                  <Icon name="forward" />
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
