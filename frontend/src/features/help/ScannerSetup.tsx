import type { ComponentChildren } from "preact";
import { useRef, useState } from "react";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/help";
import { TEST_CODE } from "@/shared/scanner/commands";
import { learnScanner } from "@/shared/scanner/learned";
import { signal, type Tone } from "@/shared/sound/sound";
import { TornDrawing, TypeDrawing } from "@/shared/ui/acts";
import { Bar } from "@/shared/ui/Bar";
import { Icon } from "@/shared/ui/icons";
import { CodePicture } from "./CodePicture";
import { CapsLockDrawing, LettersDrawing, ScannerDrawing, SlowDrawing } from "./drawings";
import { judge, learnedFrom, TEST_EAN, type Finding, type Typed } from "./judge";
import { useTyped } from "./useTyped";

const TONES: Record<Finding, Tone> = {
  good: "ok",
  byPlace: "waiting",
  signs: "waiting",
  letters: "refused",
  checkDigit: "ok",
  noCheckDigit: "refused",
  noSuffix: "waiting",
  slow: "waiting",
  capsLock: "refused",
  layout: "refused",
  script: "refused",
  lost: "refused",
  other: "already",
};

/** Scan the test code: how fast the scanner types, how it ends, whether its letters are right. */
export default function ScannerSetup() {
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState<Typed | null>(null);
  useTyped(field, (now) => {
    setTyped(now);
    const learned = learnedFrom(now);
    if (learned !== null) learnScanner(learned);
    signal(TONES[judge(now)]);
  });
  return (
    <>
      <Bar title={t("setup.title")} back="/help" />
      <main class="page help setup">
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
        <section class="card setup-code" aria-label={t("setup.ask")}>
          <h2>{t(typed === null ? "setup.ask" : "setup.again")}</h2>
          <CodePicture text={TEST_CODE} format="QRCode" />
          <CodePicture text={TEST_CODE} format="Code128" />
          <CodePicture text={TEST_EAN} format="EAN13" />
        </section>
        <div role="status" class="setup-answer">
          {typed === null ? <ScannerDrawing class="setup-waiting" /> : <Answer typed={typed} />}
        </div>
      </main>
    </>
  );
}

function Answer({ typed }: { typed: Typed }) {
  const finding = judge(typed);
  const tone = TONES[finding];
  return (
    <section class="card setup-said" data-testid="finding" data-finding={finding} data-tone={tone}>
      <p class="setup-sentence">
        <Icon name={tone} />
        <Picture finding={finding} />
        <strong>{t(`setup.${finding}`)}</strong>
      </p>
      <dl>
        <Fact name={t("setup.speed")}>
          {typed.msPerKey === null
            ? t("setup.speed.whole")
            : t("setup.speed.ms", { ms: number(Math.round(typed.msPerKey)) })}
        </Fact>
        <Fact name={t("setup.end")}>{typed.suffix ?? t("setup.end.none")}</Fact>
        <Fact name={t("setup.arrived")}>
          <span class="code">{typed.text}</span>
        </Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Picture({ finding }: { finding: Finding }) {
  switch (finding) {
    case "good":
    case "noSuffix":
    case "byPlace":
    case "checkDigit":
    case "noCheckDigit":
    case "signs":
    case "letters":
      return <ScannerDrawing class="setup-drawing" />;
    case "capsLock":
      return <CapsLockDrawing class="setup-drawing" />;
    case "layout":
    case "script":
      return <LettersDrawing class="setup-drawing" />;
    case "slow":
      return <SlowDrawing class="setup-drawing" />;
    case "lost":
      return <TornDrawing class="setup-drawing" />;
    case "other":
      return <TypeDrawing class="setup-drawing" />;
  }
}
