import { useEffect, useState } from "react";
import { signIn, useSession } from "@/shared/api/session";
import { t } from "@/shared/i18n/i18n";
import { errorText } from "@/shared/i18n/problem";
import { heldScans } from "@/shared/queue/useQueue";
import { Icon, ScanDrawing } from "@/shared/ui/icons";
import { LanguageChoice } from "@/shared/ui/LanguageChoice";
import { Note, PasswordField, TextField } from "@/shared/ui/parts";
import "./sign-in.css";

export default function SignIn() {
  const session = useSession();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [going, setGoing] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [held, setHeld] = useState(0);

  useEffect(() => {
    void heldScans().then(setHeld);
  }, []);

  const go = async () => {
    setGoing(true);
    setError(null);
    try {
      await signIn(name.trim(), password);
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
        <h1>{t("signIn.title")}</h1>
        {session.status === "signed-out" && session.ended && error === null && (
          <Note tone="waiting">{t("signIn.ended")}</Note>
        )}
        {held > 0 && <Note tone="waiting">{t("signIn.waiting", { count: held })}</Note>}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (!going) void go();
          }}
        >
          <TextField
            label={t("signIn.name")}
            icon="person"
            name="username"
            value={name}
            onValue={setName}
            required
            maxLength={80}
            autoComplete="username"
          />
          <PasswordField
            label={t("signIn.password")}
            name="password"
            value={password}
            onValue={setPassword}
            autoComplete="current-password"
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
            <span class={going ? "breathing" : ""}>{t(going ? "signIn.going" : "signIn.go")}</span>
            <Icon name="forward" />
          </button>
        </form>
      </main>
    </div>
  );
}
