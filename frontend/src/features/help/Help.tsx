import type { ComponentType } from "preact";
import { lazy, Suspense } from "preact/compat";
import { Link, useParams } from "wouter";
import { t } from "@/shared/i18n/help";
import { OUTCOMES, signal } from "@/shared/sound/sound";
import { speak, turnSpeech, useSpeech } from "@/shared/sound/speech";
import { DoneDrawing, IntoDrawing } from "@/shared/ui/acts";
import { Bar } from "@/shared/ui/Bar";
import { Icon, ScanDrawing } from "@/shared/ui/icons";
import { ToneIcon } from "@/shared/ui/parts";
import { Switch } from "@/shared/ui/Switch";
import { ScannerDrawing, SheetDrawing } from "./drawings";
import "./help.css";

// These draw codes, which takes a while to load on a slow phone.
const Commands = lazy(() => import("./Commands"));
const ScannerSetup = lazy(() => import("./ScannerSetup"));

/** Help, in the same corner of every screen: how to pack, what the answers mean, the scanner. */
export default function Help() {
  const { which } = useParams<{ which?: string }>();
  return (
    <Suspense fallback={<Bar title={t("help.title")} />}>
      {which === "commands" ? <Commands /> : which === "scanner" ? <ScannerSetup /> : <Overview />}
    </Suspense>
  );
}

const STEPS = [
  [ScanDrawing, "help.step.parent"],
  [IntoDrawing, "help.step.child"],
  [DoneDrawing, "help.step.done"],
] as const;

function Overview() {
  const speech = useSpeech();
  return (
    <>
      <Bar title={t("help.title")} />
      <main class="page help">
        <section class="card" aria-labelledby="how">
          <h2 id="how">{t("help.how")}</h2>
          <ol class="help-steps">
            {STEPS.map(([Drawing, words], at) => (
              <li key={words}>
                <span class="number help-number" aria-hidden="true">
                  {at + 1}
                </span>
                <Drawing class="help-drawing" />
                <strong>{t(words)}</strong>
              </li>
            ))}
          </ol>
        </section>
        <section class="card" aria-labelledby="outcomes">
          <h2 id="outcomes">{t("help.outcomes")}</h2>
          <ul class="help-outcomes">
            {OUTCOMES.map((tone) => (
              <li key={tone} data-tone={tone}>
                <ToneIcon tone={tone} />
                <span>
                  <strong>{t(`outcome.${tone}`)}</strong>
                  <span>{t(`help.${tone}`)}</span>
                </span>
                <button
                  type="button"
                  class="icon-button help-hear"
                  aria-label={`${t("help.hear")}: ${t(`outcome.${tone}`)}`}
                  onClick={() => signal(tone)}
                >
                  <Icon name="sound" />
                </button>
              </li>
            ))}
          </ul>
        </section>
        <nav class="help-more" aria-label={t("help.more")}>
          <More to="/help/scanner" name={t("setup.title")} hint={t("setup.hint")} Drawing={ScannerDrawing} />
          <More
            to="/help/commands"
            name={t("commands.title")}
            hint={t("commands.hint")}
            Drawing={SheetDrawing}
          />
          {speech !== "none" && (
            <Switch
              on={speech === "on"}
              icon="speak"
              label={t("speech.count")}
              onTurn={(on) => {
                turnSpeech(on);
                speak(t("scan.count", { count: 12, expected: 30 }));
              }}
            />
          )}
        </nav>
      </main>
    </>
  );
}

interface MoreProps {
  to: string;
  name: string;
  hint: string;
  Drawing: ComponentType<{ class?: string }>;
}

function More({ to, name, hint, Drawing }: MoreProps) {
  return (
    <Link href={to} class="card help-link">
      <Drawing class="help-drawing" />
      <span>
        <strong>{name}</strong>
        <span class="soft">{hint}</span>
      </span>
      <Icon name="forward" />
    </Link>
  );
}
