import { useEffect, useState } from "react";
import { lazy, Suspense } from "preact/compat";
import { ApiProblem } from "@/shared/api/problems";
import { nameOf, reach, signIn, useSession } from "@/shared/api/session";
import { loadFloor, t } from "@/shared/i18n/i18n";
import { errorText } from "@/shared/i18n/problem";
import { loaded } from "@/shared/ui/loaded";
import { Icon, ScanDrawing } from "@/shared/ui/icons";
import { LanguageChoice } from "@/shared/ui/LanguageChoice";
import { Note, PasswordField, TextField } from "@/shared/ui/parts";
import "./sign-in.css";

const Register = lazy(async () => {
  const [loaded] = await Promise.all([import("./Register"), loadFloor()]);
  return loaded;
});

/** Scans that this phone still holds, by whose they are. Nobody waits for the store to be on screen. */
async function heldScans(): Promise<Map<number, number>> {
  const stores = await (indexedDB as Partial<IDBFactory>).databases?.();
  if (stores?.length === 0) return new Map();
  const store = await import("@/shared/queue/store");
  return store.heldScans();
}

/** What the site says of itself before anybody has signed in; nothing, when it cannot be asked. */
async function maySomebodyAsk(): Promise<boolean> {
  try {
    const answer = await reach("/api/v1/site");
    return answer.ok && ((await answer.json()) as { registration: boolean }).registration;
  } catch {
    return false;
  }
}

export default function SignIn() {
  const session = useSession();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  /** The code from the phone, once the server has asked for it. */
  const [code, setCode] = useState<string | null>(null);
  const [going, setGoing] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const [held, setHeld] = useState(new Map<number, number>());
  const [mayAsk, setMayAsk] = useState(false);
  const [asking, setAsking] = useState(false);

  useEffect(() => {
    void heldScans().then(setHeld, () => undefined);
    void loaded(0).then(maySomebodyAsk).then(setMayAsk);
  }, []);

  const go = async () => {
    setGoing(true);
    setError(null);
    try {
      await signIn(name.trim(), password, code ?? undefined);
    } catch (failure) {
      if (failure instanceof ApiProblem && failure.problem.code === "totp_required") setCode("");
      else setError(errorText(failure));
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
        <h1>{t(asking ? "register.title" : code === null ? "signIn.title" : "signIn.code")}</h1>
        {session.status === "signed-out" && session.ended && error === null && !asking && (
          <Note tone="waiting">{t("signIn.ended")}</Note>
        )}
        {!asking &&
          [...held].map(([userId, count]) => {
            const name = nameOf(userId);
            return (
              <Note key={userId} tone="waiting">
                {name === null ? t("signIn.waiting", { count }) : t("signIn.waiting.of", { count, name })}
              </Note>
            );
          })}
        {asking ? (
          <Suspense fallback={<p class="breathing">{t("app.loading")}</p>}>
            <Register onBack={() => setAsking(false)} />
          </Suspense>
        ) : (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              if (!going) void go();
            }}
          >
            {code === null ? (
              <>
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
              </>
            ) : (
              <>
                <p class="soft">{t("signIn.code.why")}</p>
                <TextField
                  label={t("signIn.code")}
                  icon="phone"
                  name="totp"
                  value={code}
                  onValue={setCode}
                  required
                  maxLength={40}
                  autoComplete="one-time-code"
                  focusFirst
                />
              </>
            )}
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
            {code !== null ? (
              <button
                type="button"
                class="button"
                data-kind="plain"
                onClick={() => {
                  setCode(null);
                  setPassword("");
                  setError(null);
                }}
              >
                <Icon name="back" />
                {t("signIn.other")}
              </button>
            ) : (
              mayAsk && (
                <button type="button" class="button" data-kind="plain" onClick={() => setAsking(true)}>
                  <Icon name="plus" />
                  {t("signIn.ask")}
                </button>
              )
            )}
          </form>
        )}
      </main>
    </div>
  );
}
