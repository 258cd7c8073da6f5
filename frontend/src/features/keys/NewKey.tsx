import { useState } from "react";
import { useAreas } from "@/shared/api/areas";
import { t } from "@/shared/i18n/admin";
import { Copy } from "@/shared/ui/Copy";
import { Choice, Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";
import { useSaving } from "@/shared/ui/useSaving";
import { createKey, type MadeKey } from "./calls";

type KeyRole = "dispatcher" | "biller";

/** Makes a key for a program: what it may do and where; the key is shown once. */
export function NewKey({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const areas = useAreas();
  const [name, setName] = useState("");
  const [role, setRole] = useState<KeyRole>("biller");
  const [area, setArea] = useState("");
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
          void saving.run(async () => {
            setMade(await createKey({ name, role, area_id: area === "" ? null : Number(area) }));
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
