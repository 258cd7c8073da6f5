import type { ComponentType } from "preact";
import { t } from "@/shared/i18n/help";
import { commandCode, COMMANDS, TEST_CODE, type Command } from "@/shared/scanner/commands";
import { DoneDrawing, NextDrawing, UndoDrawing } from "@/shared/ui/acts";
import { Bar } from "@/shared/ui/Bar";
import { Icon } from "@/shared/ui/icons";
import { CodePicture } from "./CodePicture";
import { CloseDrawing, ScannerDrawing } from "./drawings";

const DRAWINGS: Record<Command, ComponentType<{ class?: string }>> = {
  UNDO: UndoDrawing,
  DONE: DoneDrawing,
  NEXT: NextDrawing,
  CANCEL: CloseDrawing,
};

/** The sheet of command codes: each as a square for cameras and as bars for scanners that read only those. */
export default function Commands() {
  return (
    <>
      <Bar title={t("commands.title")} back="/help" />
      <main class="page help">
        <div class="sheet-print">
          <p>{t("commands.why")}</p>
          <button type="button" class="button" data-kind="main" data-size="scan" onClick={() => print()}>
            <Icon name="print" />
            {t("commands.print")}
          </button>
        </div>
        <ol class="command-sheet">
          {COMMANDS.map((command) => (
            <Card
              key={command}
              code={commandCode(command)}
              name={t(`commands.${command}`)}
              Drawing={DRAWINGS[command]}
            />
          ))}
          <Card code={TEST_CODE} name={t("commands.test")} Drawing={ScannerDrawing} />
        </ol>
      </main>
    </>
  );
}

interface CardProps {
  code: string;
  name: string;
  Drawing: ComponentType<{ class?: string }>;
}

function Card({ code, name, Drawing }: CardProps) {
  return (
    <li class="command" data-testid="command">
      <div class="command-name">
        <Drawing class="command-drawing" />
        <strong>{name}</strong>
      </div>
      <CodePicture text={code} format="QRCode" />
      <CodePicture text={code} format="Code128" />
      <span class="code">{code}</span>
    </li>
  );
}
