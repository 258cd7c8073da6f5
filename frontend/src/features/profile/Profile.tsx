import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense } from "preact/compat";
import { useState } from "react";
import { useLocation } from "wouter";
import { changePassword, endOtherSessions, endSession, saveLanguage, sessions } from "@/shared/api/calls";
import { canReachServer, signOut, useUser } from "@/shared/api/session";
import type { SessionItem } from "@/shared/api/types";
import { ago, t } from "@/shared/i18n/i18n";
import { errorText } from "@/shared/i18n/problem";
import { useQueue, useQueueView } from "@/shared/queue/useQueue";
import { OUTCOMES, signal, soundOn, turnSound, turnVibration, vibrationOn } from "@/shared/sound/sound";
import { speak, turnSpeech, useSpeech } from "@/shared/sound/speech";
import { Bar } from "@/shared/ui/Bar";
import { ProfileDrawing } from "@/shared/ui/drawings";
import { Icon, type IconName } from "@/shared/ui/icons";
import { LanguageChoice } from "@/shared/ui/LanguageChoice";
import { Note, PasswordField, ToneIcon } from "@/shared/ui/parts";
import { Switch } from "@/shared/ui/Switch";
import { ThemeChoice } from "@/shared/ui/ThemeChoice";
import "./profile.css";

const Account = lazy(async () => {
  const { loadAdmin } = await import("@/shared/i18n/admin");
  const [loaded] = await Promise.all([import("./Account"), loadAdmin()]);
  return loaded;
});

export default function Profile() {
  return (
    <>
      <Bar title={t("profile.title")} />
      <main class="page profile">
        <div class="profile-side">
          <Who />
          <Language />
          <Theme />
          <Sound />
        </div>
        <div class="profile-side">
          <Password />
          <Suspense fallback={null}>
            <Account />
          </Suspense>
          <Sessions />
          <SignOut />
        </div>
      </main>
    </>
  );
}

function Who() {
  const user = useUser();
  return (
    <section class="card who">
      <ProfileDrawing class="who-drawing" />
      <div>
        <h2>{user.full_name || user.username}</h2>
        <p class="soft">
          {user.username} · {t(`role.${user.role}`)}
        </p>
        {user.area && (
          <p class="who-area">
            <Icon name="area" />
            {user.area.name}
          </p>
        )}
      </div>
    </section>
  );
}

function Language() {
  const save = useMutation({ mutationFn: saveLanguage });
  return (
    <section class="card" aria-labelledby="language">
      <h3 id="language">
        <Icon name="language" />
        {t("profile.language")}
      </h3>
      <LanguageChoice onChosen={(code) => save.mutate(code)} />
      {save.isError && <Note tone="refused">{errorText(save.error)}</Note>}
    </section>
  );
}

function Theme() {
  return (
    <section class="card" aria-labelledby="theme">
      <h3 id="theme">
        <Icon name="contrast" />
        {t("theme.title")}
      </h3>
      <ThemeChoice />
    </section>
  );
}

function Sound() {
  const [sound, setSound] = useState(soundOn());
  const [vibration, setVibration] = useState(vibrationOn());
  const speech = useSpeech();
  return (
    <section class="card" aria-labelledby="sound">
      <h3 id="sound">
        <Icon name="sound" />
        {t("profile.sound")}
      </h3>
      <Switch
        on={sound}
        icon={sound ? "sound" : "sound-off"}
        label={t(sound ? "profile.sound.on" : "profile.sound.off")}
        onTurn={(on) => {
          turnSound(on);
          setSound(on);
          if (on) signal("ok");
        }}
      />
      {"vibrate" in navigator && (
        <Switch
          on={vibration}
          icon="vibrate"
          label={t(vibration ? "profile.vibration.on" : "profile.vibration.off")}
          onTurn={(on) => {
            turnVibration(on);
            setVibration(on);
            if (on) signal("ok");
          }}
        />
      )}
      {speech !== "none" && (
        <Switch
          on={speech === "on"}
          icon="speak"
          label={t("speech.count")}
          onTurn={(on) => {
            turnSpeech(on);
            speak(t("scan.count", { count: 12, expected: 30 }));
          }}
        />
      )}
      <p class="soft">{t("profile.sound.try")}</p>
      <div class="tones">
        {OUTCOMES.map((tone) => (
          <button key={tone} type="button" class="button" onClick={() => signal(tone)}>
            <ToneIcon tone={tone} />
            {t(`outcome.${tone}`)}
          </button>
        ))}
      </div>
    </section>
  );
}

function Password() {
  const [open, setOpen] = useState(false);
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const save = useMutation({
    mutationFn: () => changePassword(current, next),
    onSuccess: () => {
      setOpen(false);
      setCurrent("");
      setNext("");
    },
  });
  return (
    <section class="card" aria-labelledby="password">
      <h3 id="password">
        <Icon name="lock" />
        {t("profile.password")}
      </h3>
      {save.isSuccess && !open && (
        <Note tone="ok" alert>
          {t("profile.password.saved")}
        </Note>
      )}
      {open ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (!save.isPending) save.mutate();
          }}
        >
          <PasswordField
            label={t("profile.password.current")}
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
          {save.isError && (
            <Note tone="refused" alert>
              {errorText(save.error)}
            </Note>
          )}
          <button type="submit" class="button" data-kind="main" data-wide aria-disabled={save.isPending}>
            {t("newPassword.go")}
          </button>
        </form>
      ) : (
        <button
          type="button"
          class="button"
          data-wide
          onClick={() => {
            save.reset();
            setOpen(true);
          }}
        >
          {t("profile.password.change")}
        </button>
      )}
    </section>
  );
}

function Sessions() {
  const cache = useQueryClient();
  const list = useQuery({ queryKey: ["sessions"], queryFn: sessions });
  const end = useMutation({
    mutationFn: endSession,
    onSuccess: () => cache.invalidateQueries({ queryKey: ["sessions"] }),
  });
  const endOthers = useMutation({
    mutationFn: endOtherSessions,
    onSuccess: () => cache.invalidateQueries({ queryKey: ["sessions"] }),
  });
  const failed = list.error ?? end.error ?? endOthers.error;
  const items = [...(list.data?.items ?? [])].sort((a, b) => Number(b.current) - Number(a.current));
  return (
    <section class="card" aria-labelledby="sessions">
      <h3 id="sessions">
        <Icon name="phone" />
        {t("profile.sessions")}
      </h3>
      {failed !== null && <Note tone="refused">{errorText(failed)}</Note>}
      <ul class="sessions">
        {items.map((one) => {
          const device = deviceOf(one);
          return (
            <li key={one.id}>
              <Icon name={device.icon} />
              <span class="session-text">
                <strong>{one.current ? t("profile.sessions.this") : device.name}</strong>
                <span class="soft">
                  {[one.address, t("profile.sessions.seen", { when: ago(one.last_seen_at) })]
                    .filter(Boolean)
                    .join(" · ")}
                </span>
              </span>
              {!one.current && (
                <button
                  type="button"
                  class="icon-button"
                  aria-label={t("profile.sessions.endOne", { device: device.name })}
                  title={t("profile.sessions.end")}
                  onClick={() => end.mutate(one.id)}
                >
                  <Icon name="sign-out" />
                </button>
              )}
            </li>
          );
        })}
      </ul>
      {items.length > 2 && (
        <button type="button" class="button" data-wide onClick={() => endOthers.mutate()}>
          <Icon name="sign-out" />
          {t("profile.sessions.endOthers")}
        </button>
      )}
    </section>
  );
}

function deviceOf({ user_agent: agent }: SessionItem): { icon: IconName; name: string } {
  if (/Android|iPhone|iPad|Mobile/.test(agent)) return { icon: "phone", name: t("device.phone") };
  if (/Windows|Macintosh|Linux|CrOS/.test(agent)) return { icon: "computer", name: t("device.computer") };
  return { icon: "computer", name: t("device.unknown") };
}

function SignOut() {
  const { waiting } = useQueueView(useQueue());
  const [, go] = useLocation();
  /** Without a connection nobody can sign in again: that is asked first. */
  const [warned, setWarned] = useState(false);
  const leave = async () => {
    if (!warned && !(await canReachServer())) return setWarned(true);
    // Whoever comes next begins at home, not on this one's page.
    go("/", { replace: true });
    void signOut();
  };
  return (
    <section class="sign-out">
      {warned && (
        <Note tone="refused" alert>
          {t("profile.signOut.offline")}
        </Note>
      )}
      {waiting > 0 && <Note tone="waiting">{t("profile.signOut.waiting", { count: waiting })}</Note>}
      <button type="button" class="button" data-size="scan" data-wide onClick={() => void leave()}>
        <Icon name="sign-out" />
        {t(warned ? "profile.signOut.anyway" : "profile.signOut")}
      </button>
    </section>
  );
}
