import { useState } from "react";
import { Link } from "wouter";
import { useUser } from "@/shared/api/session";
import { t, type AdminKey } from "@/shared/i18n/admin";
import { Icon, type IconName } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Question } from "@/shared/ui/Question";
import { changePerson, endSessions, resetPassword, takeSecondFactorOff, type Person } from "./calls";
import { OneTimePassword } from "./OneTimePassword";

type Asking = "reset" | "signOut" | "totpOff" | "disable";

const ICONS: Record<Asking, IconName> = {
  reset: "key",
  signOut: "sign-out",
  totpOff: "phone",
  disable: "lock",
};

const WORDS: Record<Asking, { act: AdminKey; title: AdminKey; why: AdminKey; go: AdminKey }> = {
  reset: { act: "person.reset", title: "person.reset.title", why: "person.reset.why", go: "person.reset.go" },
  signOut: {
    act: "person.signOut",
    title: "person.signOut.title",
    why: "person.signOut.why",
    go: "person.signOut",
  },
  totpOff: {
    act: "person.totpOff",
    title: "person.totpOff.title",
    why: "person.totpOff.why",
    go: "person.totpOff",
  },
  disable: {
    act: "person.disable",
    title: "person.disable.title",
    why: "person.disable.why",
    go: "person.disable",
  },
};

/** The ways in and out of one person; each act asks first. */
export function PersonActs({ person, onChanged }: { person: Person; onChanged: () => void }) {
  const self = useUser().id === person.id;
  const [asking, setAsking] = useState<Asking | null>(null);
  const [password, setPassword] = useState<string | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  const name = person.full_name || person.username;

  const act: Record<Asking, () => Promise<void>> = {
    reset: async () => setPassword(await resetPassword(person.id)),
    signOut: async () => setSaid(t("person.signedOut", { count: await endSessions(person.id) })),
    totpOff: async () => {
      await takeSecondFactorOff(person.id);
      setSaid(t("person.totpOff.done"));
    },
    disable: async () => {
      await changePerson(person.id, { disabled: true });
    },
  };
  const offered: Asking[] = [
    ...(self || person.disabled ? [] : (["reset"] as const)),
    ...(person.sessions > 0 && !self ? (["signOut"] as const) : []),
    ...(person.totp && !self ? (["totpOff"] as const) : []),
    ...(self || person.disabled ? [] : (["disable"] as const)),
  ];
  return (
    <section class="card person-acts" aria-labelledby="person-acts">
      <h2 id="person-acts">{t("person.acts")}</h2>
      {person.disabled && <Note tone="refused">{t("person.disabled")}</Note>}
      {self && <p class="soft">{t("person.self")}</p>}
      {said !== null && (
        <Note tone="ok" alert>
          {said}
        </Note>
      )}
      <div class="person-buttons">
        {offered.map((one) => (
          <button
            key={one}
            type="button"
            class="button"
            onClick={() => {
              setSaid(null);
              setAsking(one);
            }}
          >
            <Icon name={ICONS[one]} />
            {t(WORDS[one].act)}
          </button>
        ))}
        {person.disabled && (
          <button
            type="button"
            class="button"
            data-kind="main"
            onClick={() => void changePerson(person.id, { disabled: false }).then(onChanged)}
          >
            <Icon name="open" />
            {t("person.enable")}
          </button>
        )}
        <Link class="button" href={`/audit?user=${person.id}`}>
          <Icon name="list" />
          {t("person.story")}
        </Link>
        {self && (
          <Link class="button" href="/profile">
            <Icon name="person" />
            {t("profile.title")}
          </Link>
        )}
      </div>
      {asking !== null && (
        <Question
          title={t(WORDS[asking].title, { name })}
          go={t(WORDS[asking].go)}
          icon={ICONS[asking]}
          onClose={() => setAsking(null)}
          act={async () => {
            await act[asking]();
            onChanged();
          }}
        >
          <p>{t(WORDS[asking].why, { name })}</p>
        </Question>
      )}
      {password !== null && (
        <OneTimePassword
          title={t("person.reset")}
          username={person.username}
          password={password}
          onClose={() => setPassword(null)}
        />
      )}
    </section>
  );
}
