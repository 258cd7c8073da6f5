import { useEffect, useState } from "react";
import { t } from "@/shared/i18n/admin";
import { errorText } from "@/shared/i18n/problem";
import { Copy } from "@/shared/ui/Copy";
import { Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import "@/shared/ui/office.css";
import "./account.css";
import { beginSecondFactor, confirmSecondFactor, type SecondFactorSecret } from "./calls";
import { Qr } from "./Qr";

interface TotpSetupProps {
  /** It is on, and the emergency codes are kept. */
  onDone: () => void;
  onGiveUp?: () => void;
}

/** Sets up the code from the phone: scan the picture, give the first code, keep the emergency codes. */
export function TotpSetup({ onDone, onGiveUp }: TotpSetupProps) {
  const [begun, setBegun] = useState<SecondFactorSecret | null>(null);
  const [code, setCode] = useState("");
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);

  useEffect(() => {
    void beginSecondFactor().then(setBegun, setProblem);
  }, []);

  const confirm = async () => {
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      setCodes(await confirmSecondFactor(code));
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };

  const wrong = problem !== null && (
    <Note tone="refused" alert>
      {errorText(problem)}
    </Note>
  );
  if (codes !== null) return <RecoveryCodes codes={codes} onKept={onDone} />;
  if (begun === null) return wrong || <p class="breathing">{t("app.loading")}</p>;
  return (
    <form
      class="account-form"
      onSubmit={(event) => {
        event.preventDefault();
        void confirm();
      }}
    >
      <p>{t("totp.scan")}</p>
      <Qr rows={begun.qr} label={t("totp.qr")} />
      <div>
        <p class="soft">{t("totp.type")}</p>
        <Copy text={begun.secret} shown={begun.secret.replace(/(.{4})/g, "$1 ").trim()} />
      </div>
      <Line
        label={t("totp.code")}
        name="totp-code"
        value={code}
        maxLength={10}
        required
        inputMode="numeric"
        autoComplete="one-time-code"
        onValue={setCode}
      />
      {wrong}
      <div class="acts">
        {onGiveUp && (
          <button type="button" class="button" onClick={onGiveUp}>
            {t("form.cancel")}
          </button>
        )}
        <button type="submit" class="button" data-kind="main" aria-disabled={busy}>
          <Icon name="ok" />
          {t("totp.confirm")}
        </button>
      </div>
    </form>
  );
}

/** The codes for when the phone is gone; they are never shown again. */
export function RecoveryCodes({ codes, onKept }: { codes: readonly string[]; onKept: () => void }) {
  return (
    <div class="account-form">
      <h4>{t("totp.codes")}</h4>
      <p>{t("totp.codes.why")}</p>
      <ol class="recovery-codes" data-testid="recovery-codes">
        {codes.map((code) => (
          <li key={code} class="code">
            {code}
          </li>
        ))}
      </ol>
      <div class="acts">
        <Copy text={codes.join("\n")} />
        <button type="button" class="button" onClick={() => print()}>
          <Icon name="print" />
          {t("table.print")}
        </button>
        <button type="button" class="button" data-kind="main" onClick={onKept}>
          <Icon name="ok" />
          {t("totp.codes.kept")}
        </button>
      </div>
    </div>
  );
}
