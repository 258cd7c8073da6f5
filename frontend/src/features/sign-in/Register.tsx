import { useState } from "react";
import { reach } from "@/shared/api/session";
import { readFailure } from "@/shared/api/problems";
import { t, useCurrentLanguage } from "@/shared/i18n/i18n";
import { errorText } from "@/shared/i18n/problem";
import { Icon } from "@/shared/ui/icons";
import { Note, PasswordField, TextField } from "@/shared/ui/parts";

async function register(body: Record<string, string>): Promise<void> {
  const response = await reach("/api/v1/registrations", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw await readFailure(response);
}

/** Asks for an account; an admin decides, and until then nothing has changed. */
export default function Register({ onBack }: { onBack: () => void }) {
  const language = useCurrentLanguage();
  const [username, setUsername] = useState("");
  const [fullName, setFullName] = useState("");
  const [note, setNote] = useState("");
  const [password, setPassword] = useState("");
  const [going, setGoing] = useState(false);
  const [done, setDone] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const go = async () => {
    setGoing(true);
    setProblem(null);
    try {
      await register({ username, full_name: fullName, note, password, language });
      setDone(true);
    } catch (failure) {
      setProblem(failure);
    } finally {
      setGoing(false);
    }
  };
  const back = (
    <button type="button" class="button" data-kind="plain" onClick={onBack}>
      <Icon name="back" />
      {t("register.back")}
    </button>
  );
  if (done)
    return (
      <>
        <Note tone="ok" alert>
          {t("register.done")}
        </Note>
        {back}
      </>
    );
  return (
    <>
      <p class="soft">{t("register.why")}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!going) void go();
        }}
      >
        <TextField
          label={t("register.fullName")}
          icon="person"
          name="full-name"
          value={fullName}
          onValue={setFullName}
          required
          maxLength={120}
        />
        <TextField
          label={t("register.name")}
          icon="key"
          name="username"
          value={username}
          onValue={setUsername}
          required
          maxLength={64}
          autoComplete="username"
        />
        <PasswordField
          label={t("signIn.password")}
          hint={t("newPassword.rule")}
          name="password"
          value={password}
          onValue={setPassword}
          autoComplete="new-password"
        />
        <TextField
          label={t("register.note")}
          icon="label"
          name="note"
          value={note}
          onValue={setNote}
          required
          maxLength={500}
        />
        {problem !== null && (
          <Note tone="refused" alert>
            {errorText(problem)}
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
          {t("register.go")}
          <Icon name="forward" />
        </button>
        {back}
      </form>
    </>
  );
}
