import { lookAgain } from "@/shared/account/calls";
import { TotpSetup } from "@/shared/account/TotpSetup";
import { signOut } from "@/shared/api/session";
import { t } from "@/shared/i18n/admin";
import { Icon, ScanDrawing } from "@/shared/ui/icons";
import { LanguageChoice } from "@/shared/ui/LanguageChoice";
import "./sign-in.css";

/** Before anything else, where the site asks admins for a code from their phone. */
export default function SecondFactorFirst() {
  return (
    <div class="entrance">
      <header class="entrance-brand">
        <ScanDrawing class="brand-drawing" />
        <p class="brand-name">{t("app.name")}</p>
      </header>
      <main class="entrance-form">
        <LanguageChoice />
        <div>
          <h1>{t("totp.title")}</h1>
          <p class="soft">{t("totp.required")}</p>
        </div>
        <TotpSetup onDone={() => void lookAgain()} />
        <button type="button" class="button" data-kind="plain" onClick={() => void signOut()}>
          <Icon name="sign-out" />
          {t("newPassword.signOut")}
        </button>
      </main>
    </div>
  );
}
