import { useState } from "react";
import { languages, useCurrentLanguage } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/admin";
import { Choice, Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";
import { useSaving } from "@/shared/ui/useSaving";
import { createPerson, type MadePerson } from "./calls";
import { OneTimePassword } from "./OneTimePassword";
import { areaOf, RoleAndArea, type RoleDraft } from "./RoleAndArea";

interface NewPersonProps {
  onClose: () => void;
  onOpen: (id: number) => void;
}

/** Adds somebody, with a password for the first day that is shown once. */
export function NewPerson({ onClose, onOpen }: NewPersonProps) {
  const current = useCurrentLanguage();
  const [username, setUsername] = useState("");
  const [fullName, setFullName] = useState("");
  const [place, setPlace] = useState<RoleDraft>({ role: "dispatcher", area: "" });
  const [language, setLanguage] = useState(current);
  const [made, setMade] = useState<MadePerson | null>(null);
  const saving = useSaving({
    name_taken: "username",
    area_required: "area_id",
    area_not_found: "area_id",
  });

  if (made?.one_time_password)
    return (
      <OneTimePassword
        title={t("people.made", { name: made.full_name || made.username })}
        username={made.username}
        password={made.one_time_password}
        onClose={() => {
          onClose();
          onOpen(made.id);
        }}
      />
    );
  return (
    <Sheet title={t("people.new")} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void saving.run(async () =>
            setMade(
              await createPerson({
                username,
                full_name: fullName,
                role: place.role,
                area_id: areaOf(place),
                language,
                must_change_password: true,
              }),
            ),
          );
        }}
      >
        <div class="sheet-body form-grid">
          <Line
            label={t("people.fullName")}
            name="full_name"
            value={fullName}
            maxLength={120}
            wrong={saving.at("full_name")}
            first
            onValue={setFullName}
          />
          <Line
            label={t("people.username")}
            name="new-username"
            value={username}
            maxLength={64}
            required
            wrong={saving.at("username")}
            onValue={setUsername}
          />
          <RoleAndArea draft={place} onDraft={setPlace} wrong={saving.at} />
          <Choice
            label={t("people.language")}
            value={language}
            onValue={setLanguage}
            options={languages.map(({ code, name }) => ({ value: code, name }))}
          />
          <p class="soft span">{t("people.create.hint")}</p>
          {saving.rest !== null && (
            <div class="span">
              <Note tone="refused" alert>
                {saving.rest}
              </Note>
            </div>
          )}
        </div>
        <div class="sheet-acts">
          <button type="button" class="button" onClick={onClose}>
            {t("form.cancel")}
          </button>
          <button type="submit" class="button" data-kind="main" aria-disabled={saving.busy}>
            <Icon name="plus" />
            {t("people.create")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
