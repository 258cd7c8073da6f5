import "@/shared/ui/tokens.css";
import "@/shared/ui/base.css";
import "@/shared/ui/icons.css";
import { render } from "preact";
import { App } from "@/app/App";
import { keepOnDevice } from "@/app/version";
import { startSession } from "@/shared/api/session";
import { firstLanguage, switchLanguage } from "@/shared/i18n/i18n";
import { unlockSoundOnFirstTouch } from "@/shared/sound/sound";
import { showTheme } from "@/shared/ui/theme";

showTheme();
unlockSoundOnFirstTouch();
void startSession();
void switchLanguage(firstLanguage(), false).then(() => {
  const root = document.getElementById("app");
  if (root !== null) render(<App />, root);
  void keepOnDevice().catch((error: unknown) => console.warn(error));
});
