import { useState } from "react";
import { reauthenticate } from "@/shared/account/calls";
import { useUser } from "@/shared/api/session";
import { t } from "@/shared/i18n/admin";
import { errorText } from "@/shared/i18n/problem";
import { Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note, PasswordField } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";
import "@/shared/ui/office.css";

/** The one dialog that asks who it is, over whatever was being done; that goes on afterwards. */
export default function AskAgain({ onAnswer }: { onAnswer: (proved: boolean) => void }) {
  const user = useUser();
  const [byCode, setByCode] = useState(false);
  const [given, setGiven] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const go = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      await reauthenticate(byCode ? { totp: given } : { password: given });
      onAnswer(true);
    } catch (error) {
      setProblem(error);
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
          {byCode ? (
            <Line
              label={t("totp.code")}
              name="totp"
              value={given}
              maxLength={40}
              required
              first
              autoComplete="one-time-code"
              onValue={setGiven}
            />
          ) : (
            <PasswordField
              label={t("signIn.password")}
              name="password-again"
              value={given}
              first
              onValue={setGiven}
              autoComplete="current-password"
            />
          )}
          {problem !== null && (
            <Note tone="refused" alert>
              {errorText(problem)}
            </Note>
          )}
          {user.role !== "dispatcher" && (
            <button
              type="button"
              class="button"
              data-kind="plain"
              onClick={() => {
                setByCode(!byCode);
                setGiven("");
                setProblem(null);
              }}
            >
              <Icon name={byCode ? "lock" : "phone"} />
              {t(byCode ? "again.byPassword" : "again.byCode")}
            </button>
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
