import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useUser } from "@/shared/api/session";
import { moment } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/admin";
import { errorText } from "@/shared/i18n/problem";
import { When } from "@/shared/table/Table";
import { Bar } from "@/shared/ui/Bar";
import { Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { useSaving } from "@/shared/ui/useSaving";
import { changePerson, getPerson, type Person } from "./calls";
import { PersonActs } from "./PersonActs";
import { PersonState } from "./PeopleList";
import { areaOf, RoleAndArea, type RoleDraft } from "./RoleAndArea";

/** One person: what he is, what he may do, and the ways in and out. */
export function PersonPage({ id }: { id: number }) {
  const queries = useQueryClient();
  const found = useQuery({ queryKey: ["person", id], queryFn: () => getPerson(id), staleTime: 0 });
  const person = found.data;
  const accept = (now: Person) => {
    queries.setQueryData(["person", id], now);
    void queries.invalidateQueries({ queryKey: ["people"] });
  };
  return (
    <>
      <Bar
        title={person === undefined ? t("people.title") : person.full_name || person.username}
        back="/people"
      />
      {person === undefined ? (
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
        <main class="page office person">
          <div class="person-side">
            <Facts person={person} />
            <PersonActs person={person} onChanged={() => void found.refetch()} />
          </div>
          <Edit person={person} onSaved={accept} />
        </main>
      )}
    </>
  );
}

function Facts({ person }: { person: Person }) {
  return (
    <section class="card lines">
      <PersonState person={person} />
      <dl>
        <div>
          <dt>{t("people.username")}</dt>
          <dd class="code">{person.username}</dd>
        </div>
        <div>
          <dt>{t("people.role")}</dt>
          <dd>{t(`role.${person.role}`)}</dd>
        </div>
        <div>
          <dt>{t("people.area")}</dt>
          <dd>{person.area?.name ?? t("people.area.none")}</dd>
        </div>
        <div>
          <dt>{t("people.seen")}</dt>
          <dd>{person.last_seen_at === null ? t("people.seen.never") : <When at={person.last_seen_at} />}</dd>
        </div>
        <div>
          <dt>{t("people.sessions")}</dt>
          <dd>{t("people.sessions.count", { count: person.sessions })}</dd>
        </div>
        <div>
          <dt>{t("people.totp")}</dt>
          <dd>{t(person.totp ? "form.on" : "form.off")}</dd>
        </div>
        <div>
          <dt>{t("people.since")}</dt>
          <dd>{moment(person.created_at)}</dd>
        </div>
      </dl>
    </section>
  );
}

function Edit({ person, onSaved }: { person: Person; onSaved: (person: Person) => void }) {
  const self = useUser().id === person.id;
  const [fullName, setFullName] = useState(person.full_name);
  const [place, setPlace] = useState<RoleDraft>({
    role: person.role,
    area: person.area?.id.toString() ?? "",
  });
  const [saved, setSaved] = useState(false);
  const saving = useSaving({ area_required: "area_id", area_not_found: "area_id", last_admin: "role" });
  const moved = place.role !== person.role || areaOf(place) !== (person.area?.id ?? null);
  const change = {
    ...(fullName === person.full_name ? {} : { full_name: fullName }),
    ...(place.role === person.role ? {} : { role: place.role }),
    ...(areaOf(place) === (person.area?.id ?? null) ? {} : { area_id: areaOf(place) }),
  };
  return (
    <section class="card person-edit" aria-labelledby="person-edit">
      <h2 id="person-edit">{t("person.edit")}</h2>
      <form
        onInput={() => setSaved(false)}
        onSubmit={(event) => {
          event.preventDefault();
          void saving.run(async () => onSaved(await changePerson(person.id, change))).then(setSaved);
        }}
      >
        <Line
          label={t("people.fullName")}
          name="full_name"
          value={fullName}
          maxLength={120}
          wrong={saving.at("full_name")}
          onValue={setFullName}
        />
        <RoleAndArea draft={place} onDraft={setPlace} wrong={saving.at} />
        {moved && !self && <Note tone="waiting">{t("person.edit.signsOut")}</Note>}
        {saving.rest !== null && (
          <Note tone="refused" alert>
            {saving.rest}
          </Note>
        )}
        {saved && (
          <Note tone="ok" alert>
            {t("form.saved")}
          </Note>
        )}
        <button
          type="submit"
          class="button"
          data-kind="main"
          disabled={Object.keys(change).length === 0}
          aria-disabled={saving.busy}
        >
          <Icon name="ok" />
          {t("form.save")}
        </button>
      </form>
    </section>
  );
}
