import { useState } from "react";
import { useAreas } from "@/shared/api/areas";
import { t } from "@/shared/i18n/admin";
import { Copy } from "@/shared/ui/Copy";
import { Choice, Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";
import { useSaving } from "@/shared/ui/useSaving";
import "./keys.css";
import { createKey, SCOPES, type MadeKey, type Scope } from "./calls";

type KeyRole = "dispatcher" | "biller";

/** The end of a day by this device's clock; null for none. */
const endOf = (day: string) => (day === "" ? null : new Date(`${day}T23:59:59`).toISOString());

/** Makes a key for a program: what it may do, where and until when; the key is shown once. */
export function NewKey({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const areas = useAreas();
  const [name, setName] = useState("");
  const [role, setRole] = useState<KeyRole>("biller");
  const [area, setArea] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(SCOPES);
  const [lastDay, setLastDay] = useState("");
  const [noScope, setNoScope] = useState(false);
  const [made, setMade] = useState<MadeKey | null>(null);
  const saving = useSaving({ name_taken: "name", area_required: "area_id", area_not_found: "area_id" });
  if (made !== null)
    return (
      <Sheet title={t("keys.told", { name: made.name })} onClose={onClose}>
        <div class="sheet-body">
          <Note tone="waiting">{t("keys.told.why")}</Note>
          <Copy text={made.key} shown={made.key} testid="key" />
        </div>
        <div class="sheet-acts">
          <button type="button" class="button" data-kind="main" onClick={onClose}>
            <Icon name="ok" />
            {t("table.done")}
          </button>
        </div>
      </Sheet>
    );
  return (
    <Sheet title={t("keys.new")} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setNoScope(scopes.length === 0);
          if (scopes.length === 0) return;
          void saving.run(async () => {
            setMade(
              await createKey({
                name,
                role,
                area_id: area === "" ? null : Number(area),
                scopes: scopes.length === SCOPES.length ? null : [...scopes],
                expires_at: endOf(lastDay),
              }),
            );
            onMade();
          });
        }}
      >
        <div class="sheet-body form-grid">
          <div class="span">
            <Line
              label={t("keys.name")}
              hint={t("keys.name.hint")}
              name="key-name"
              value={name}
              maxLength={60}
              required
              first
              wrong={saving.at("name")}
              onValue={setName}
            />
          </div>
          <Choice
            label={t("keys.scope")}
            name="key-role"
            value={role}
            wrong={saving.at("role")}
            onValue={(one) => setRole(one as KeyRole)}
            options={(["biller", "dispatcher"] as const).map((one) => ({
              value: one,
              name: t(`role.${one}`),
            }))}
          />
          <Choice
            label={t("people.area")}
            name="key-area"
            value={area}
            wrong={saving.at("area_id")}
            onValue={setArea}
            options={[
              { value: "", name: t(role === "dispatcher" ? "people.area.choose" : "people.area.none") },
              ...areas
                .filter((one) => !one.disabled)
                .map((one) => ({ value: String(one.id), name: one.name })),
            ]}
          />
          <fieldset class="key-scopes span">
            <legend>{t("keys.scopes")}</legend>
            {SCOPES.map((scope) => (
              <label key={scope}>
                <input
                  type="checkbox"
                  name={`key-scope-${scope}`}
                  checked={scopes.includes(scope)}
                  onChange={(event) => {
                    const on = event.currentTarget.checked;
                    setScopes(SCOPES.filter((one) => (one === scope ? on : scopes.includes(one))));
                    setNoScope(false);
                  }}
                />
                {t(`keys.scopes.${scope}`)}
              </label>
            ))}
          </fieldset>
          {noScope && (
            <div class="span">
              <Note tone="refused" alert>
                {t("keys.scopes.none")}
              </Note>
            </div>
          )}
          <div class="span">
            <Line
              label={t("keys.lastDay")}
              hint={t("keys.lastDay.hint")}
              name="key-last-day"
              type="date"
              value={lastDay}
              wrong={saving.at("expires_at")}
              onValue={setLastDay}
            />
          </div>
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
            <Icon name="key" />
            {t("keys.make")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
