import { useState } from "react";
import { reauthenticate } from "@/shared/account/calls";
import { ApiProblem } from "@/shared/api/problems";
import { useUser } from "@/shared/api/session";
import { t } from "@/shared/i18n/admin";
import { errorText } from "@/shared/i18n/problem";
import { Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note, PasswordField } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";
import "@/shared/ui/office.css";

/** The sheet goes to its first field when it opens, and this one comes later. */
const toField = (line: HTMLElement | null) => line?.querySelector("input")?.focus();

/** The one dialog that asks who it is, over whatever was being done; that goes on afterwards. */
export default function AskAgain({ onAnswer }: { onAnswer: (proved: boolean) => void }) {
  const user = useUser();
  const [password, setPassword] = useState("");
  /** The code from the phone, once the server has asked for it. */
  const [code, setCode] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const go = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await reauthenticate({ password, totp: code });
      onAnswer(true);
    } catch (error) {
      if (error instanceof ApiProblem && error.problem.code === "code_required") setCode("");
      else setProblem(error);
      setBusy(false);
    }
  };
  return (
    <Sheet title={t("again.title")} onClose={() => onAnswer(false)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void go();
        }}
      >
        <div class="sheet-body">
          <p>{t("again.why")}</p>
          <input type="hidden" name="username" autoComplete="username" value={user.username} />
          <PasswordField
            label={t("signIn.password")}
            name="password-again"
            value={password}
            first
            onValue={setPassword}
            autoComplete="current-password"
          />
          {code !== null && (
            <div ref={toField}>
              <Line
                label={t("totp.code")}
                name="totp"
                value={code}
                maxLength={40}
                required
                autoComplete="one-time-code"
                onValue={setCode}
              />
            </div>
          )}
          {problem !== null && (
            <Note tone="refused" alert>
              {errorText(problem)}
            </Note>
          )}
        </div>
        <div class="sheet-acts">
          <button type="button" class="button" onClick={() => onAnswer(false)}>
            {t("form.cancel")}
          </button>
          <button type="submit" class="button" data-kind="main" aria-disabled={busy}>
            <Icon name="ok" />
            {t("again.go")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
