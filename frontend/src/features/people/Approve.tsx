import { useState } from "react";
import { t } from "@/shared/i18n/admin";
import { Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Sheet } from "@/shared/ui/Sheet";
import { useSaving } from "@/shared/ui/useSaving";
import { approveRegistration, type Registration } from "./calls";
import { areaOf, RoleAndArea, type RoleDraft } from "./RoleAndArea";

interface ApproveProps {
  asked: Registration;
  onClose: () => void;
  onDone: () => void;
}

/** Lets somebody in who asked: as what, and where. */
export function Approve({ asked, onClose, onDone }: ApproveProps) {
  const [username, setUsername] = useState(asked.username);
  const [place, setPlace] = useState<RoleDraft>({ role: "dispatcher", area: "" });
  const saving = useSaving({
    name_taken: "username",
    area_required: "area_id",
    area_not_found: "area_id",
  });
  const taken = asked.name_taken && username === asked.username ? t("requests.taken") : undefined;
  return (
    <Sheet title={t("requests.approve.title", { name: asked.full_name || asked.username })} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void saving
            .run(() => approveRegistration(asked.id, { role: place.role, area_id: areaOf(place), username }))
            .then((done) => {
              if (!done) return;
              onClose();
              onDone();
            });
        }}
      >
        <div class="sheet-body">
          {asked.note !== "" && <p>{asked.note}</p>}
          <Line
            label={t("people.username")}
            name="approved-username"
            value={username}
            maxLength={64}
            required
            wrong={saving.at("username") ?? taken}
            onValue={setUsername}
          />
          <RoleAndArea draft={place} onDraft={setPlace} wrong={saving.at} />
          {saving.rest !== null && (
            <Note tone="refused" alert>
              {saving.rest}
            </Note>
          )}
        </div>
        <div class="sheet-acts">
          <button type="button" class="button" onClick={onClose}>
            {t("form.cancel")}
          </button>
          <button type="submit" class="button" data-kind="main" aria-disabled={saving.busy}>
            <Icon name="ok" />
            {t("requests.approve")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
