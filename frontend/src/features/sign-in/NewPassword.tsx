import { useState } from "react";
import { changePassword } from "@/shared/api/calls";
import { signOut } from "@/shared/api/session";
import { t } from "@/shared/i18n/i18n";
import { errorText } from "@/shared/i18n/problem";
import { Icon, ScanDrawing } from "@/shared/ui/icons";
import { LanguageChoice } from "@/shared/ui/LanguageChoice";
import { Note, PasswordField } from "@/shared/ui/parts";
import "./sign-in.css";

/** Before anything else: a password that only its owner knows. */
export default function NewPassword() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [going, setGoing] = useState(false);
  const [error, setError] = useState<string | null>(null);

  const go = async () => {
    setGoing(true);
    setError(null);
    try {
      await changePassword(current, next);
    } catch (failure) {
      setError(errorText(failure));
      setGoing(false);
    }
  };

  return (
    <div class="entrance">
      <header class="entrance-brand">
        <ScanDrawing class="brand-drawing" />
        <p class="brand-name">{t("app.name")}</p>
      </header>
      <main class="entrance-form">
        <LanguageChoice />
        <div>
          <h1>{t("newPassword.title")}</h1>
          <p class="soft">{t("newPassword.why")}</p>
        </div>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (!going) void go();
          }}
        >
          <PasswordField
            label={t("newPassword.current")}
            name="current"
            value={current}
            onValue={setCurrent}
            autoComplete="current-password"
          />
          <PasswordField
            label={t("newPassword.new")}
            hint={t("newPassword.rule")}
            name="new"
            value={next}
            onValue={setNext}
            autoComplete="new-password"
          />
          {error !== null && (
            <Note tone="refused" alert>
              {error}
            </Note>
          )}
          <button
            type="submit"
            class="button"
            data-kind="main"
            data-size="scan"
            data-wide
            aria-disabled={going}
          >
            {t("newPassword.go")}
            <Icon name="forward" />
          </button>
          <button type="button" class="button" data-kind="plain" onClick={() => void signOut()}>
            <Icon name="sign-out" />
            {t("newPassword.signOut")}
          </button>
        </form>
      </main>
    </div>
  );
}
