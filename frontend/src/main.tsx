import "@/shared/ui/tokens.css";
import "@/shared/ui/base.css";
import "@/shared/ui/icons.css";
import { render } from "preact";
import { App } from "@/app/App";
import { loadAhead } from "@/app/loadInside";
import { keepOnDevice } from "@/app/version";
import { startSession, wasSignedIn } from "@/shared/api/session";
import { startLanguage } from "@/shared/i18n/i18n";
import { readKeys } from "@/shared/scanner/keyboard";
import { unlockSoundOnFirstTouch } from "@/shared/sound/sound";
import { showTheme } from "@/shared/ui/theme";
import { leaveCodesUntranslated } from "@/shared/ui/untranslated";

showTheme();
leaveCodesUntranslated();
unlockSoundOnFirstTouch();
readKeys();
startLanguage();
if (wasSignedIn()) loadAhead();
void startSession();
const root = document.getElementById("app");
if (root !== null) {
  // The page comes with a drawing, so that something is there before any script is.
  root.replaceChildren();
  render(<App />, root);
}
keepOnDevice().catch((error: unknown) => console.warn(error));
