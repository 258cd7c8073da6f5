import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { t, type AdminKey } from "@/shared/i18n/admin";
import { errorText } from "@/shared/i18n/problem";
import { Bar } from "@/shared/ui/Bar";
import { Choice, Line, Paragraph } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Switch } from "@/shared/ui/Switch";
import { useSaving } from "@/shared/ui/useSaving";
import "@/shared/ui/office.css";
import { readSettings, saveSettings, tryAlerts, type SiteSettings, type Tried } from "./calls";
import { changesOf, draftOf, FIELDS, GROUPS, NAMES, type Draft, type Name } from "./fields";
import "./settings.css";

const KEY = ["settings"];

/** What an admin sets for the whole site; each change is written down with who made it. */
export default function Settings() {
  const queries = useQueryClient();
  const found = useQuery({ queryKey: KEY, queryFn: readSettings, staleTime: 0, refetchOnWindowFocus: false });
  return (
    <>
      <Bar title={t("settings.title")} />
      {found.data === undefined ? (
        <main class={found.isError ? "middle" : "middle breathing"}>
          {found.isError ? (
            <Note tone="refused" alert>
              {errorText(found.error)}
            </Note>
          ) : (
            <p>{t("app.loading")}</p>
          )}
        </main>
      ) : (
        <Form settings={found.data} onSaved={(now) => queries.setQueryData(KEY, now)} />
      )}
    </>
  );
}

interface FormProps {
  settings: SiteSettings;
  onSaved: (settings: SiteSettings) => void;
}

function Form({ settings, onSaved }: FormProps) {
  const [draft, setDraft] = useState(() => draftOf(settings));
  const [saved, setSaved] = useState<number | null>(null);
  const saving = useSaving({ totp_missing: "totp_for_admins" });
  const changes = changesOf(draft, draftOf(settings));
  const count = Object.keys(changes).length;
  const set = (name: Name, value: string | boolean) => {
    setSaved(null);
    setDraft((now) => ({ ...now, [name]: value }));
  };
  const save = async () => {
    const now = await saveSettings(changes);
    onSaved(now);
    setDraft(draftOf(now));
  };
  return (
    <main class="page office">
      <form
        class="settings"
        onSubmit={(event) => {
          event.preventDefault();
          void saving.run(save).then((done) => setSaved(done ? count : null));
        }}
      >
        {GROUPS.filter((group) => NAMES.some((name) => FIELDS[name].group === group)).map((group) => (
          <section key={group} class="card" aria-labelledby={`settings-${group}`}>
            <h2 id={`settings-${group}`}>{t(`settings.${group}`)}</h2>
            {NAMES.filter((name) => FIELDS[name].group === group).map((name) => (
              <Setting key={name} name={name} draft={draft} wrong={saving.at(name)} onChange={set} />
            ))}
            {group === "alerts" && <TryAlerts unsaved={count > 0} />}
          </section>
        ))}
        <div class="settings-save">
          {saving.rest !== null && (
            <Note tone="refused" alert>
              {saving.rest}
            </Note>
          )}
          {saved !== null && (
            <Note tone="ok" alert>
              {t("settings.changed", { count: saved })}
            </Note>
          )}
          <button
            type="submit"
            class="button"
            data-kind="main"
            data-size="scan"
            disabled={count === 0}
            aria-disabled={saving.busy}
          >
            <Icon name="ok" />
            {t("form.save")}
          </button>
        </div>
      </form>
    </main>
  );
}

/** Whoever says where alerts go wants to see one arrive. */
function TryAlerts({ unsaved }: { unsaved: boolean }) {
  const [tried, setTried] = useState<Tried[] | null>(null);
  const trying = useSaving();
  return (
    <>
      <button
        type="button"
        class="button"
        disabled={unsaved}
        aria-disabled={trying.busy}
        onClick={() => {
          setTried(null);
          void trying.run(async () => setTried(await tryAlerts()));
        }}
      >
        <Icon name="alert" />
        {t("alerts.try")}
      </button>
      {unsaved && <p class="soft">{t("alerts.try.unsaved")}</p>}
      {trying.rest !== null && (
        <Note tone="refused" alert>
          {trying.rest}
        </Note>
      )}
      {tried?.length === 0 && (
        <Note tone="already" alert>
          {t("alerts.try.nowhere")}
        </Note>
      )}
      {tried?.map(({ channel, error }) => (
        <Note key={channel} tone={error === null ? "ok" : "refused"} alert>
          {error === null ? t(`alerts.try.${channel}`) : t(`alerts.try.${channel}.failed`, { error })}
        </Note>
      ))}
    </>
  );
}

interface SettingProps {
  name: Name;
  draft: Draft;
  wrong: string | undefined;
  onChange: (name: Name, value: string | boolean) => void;
}

function Setting({ name, draft, wrong, onChange }: SettingProps) {
  const zones = useId();
  const { kind, hint: hintKey, min, max, optional, choices = [] } = FIELDS[name];
  const value = draft[name];
  const label = t(`setting.${name}` as AdminKey);
  const hint = hintKey === undefined ? undefined : t(hintKey);
  const common = {
    label,
    hint,
    wrong,
    value: String(value),
    onValue: (next: string) => onChange(name, next),
  };
  switch (kind) {
    case "switch":
      return (
        <div class="setting-switch">
          <Switch
            on={value === true}
            icon={name === "registration" ? "people" : "phone"}
            label={label}
            onTurn={(on) => onChange(name, on)}
          />
          {wrong !== undefined && (
            <Note tone="refused" alert>
              {wrong}
            </Note>
          )}
          {hint !== undefined && <p class="soft">{hint}</p>}
        </div>
      );
    case "lines":
      return <Paragraph {...common} maxLength={20_000} />;
    case "number":
      return <Line {...common} type="number" name={name} required min={min ?? 0} max={max ?? 1_000_000} />;
    case "zone":
      return (
        <>
          <Line {...common} name={name} required maxLength={64} list={zones} />
          <datalist id={zones}>
            {Intl.supportedValuesOf("timeZone").map((zone) => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
        </>
      );
    case "choice":
      return (
        <Choice
          {...common}
          name={name}
          options={choices.map((choice) => ({
            value: choice,
            name: t(`setting.${name}.${choice}` as AdminKey),
          }))}
        />
      );
    case "several": {
      const chosen = String(value).split("\n");
      return (
        <fieldset class="setting-several">
          <legend>{label}</legend>
          {choices.map((choice) => (
            <Switch
              key={choice}
              on={chosen.includes(choice)}
              icon="camera"
              label={t(`setting.${name}.${choice}` as AdminKey)}
              onTurn={(on) =>
                onChange(
                  name,
                  choices.filter((one) => (one === choice ? on : chosen.includes(one))).join("\n"),
                )
              }
            />
          ))}
          {wrong !== undefined && (
            <Note tone="refused" alert>
              {wrong}
            </Note>
          )}
          {hint !== undefined && <p class="soft">{hint}</p>}
        </fieldset>
      );
    }
    case "text":
      return <Line {...common} name={name} required={optional !== true} maxLength={max ?? 80} />;
  }
}
