import { useAreas } from "@/shared/api/areas";
import type { Role } from "@/shared/api/types";
import { t } from "@/shared/i18n/admin";
import { Choice } from "@/shared/ui/fields";
import { ROLES } from "./calls";

export interface RoleDraft {
  role: Role;
  area: string;
}

interface RoleAndAreaProps {
  draft: RoleDraft;
  onDraft: (draft: RoleDraft) => void;
  wrong: (field: string) => string | undefined;
}

export const areaOf = (draft: RoleDraft): number | null => (draft.area === "" ? null : Number(draft.area));

/** What somebody may do, and where; a dispatcher works in one area, the others may see all. */
export function RoleAndArea({ draft, onDraft, wrong }: RoleAndAreaProps) {
  const areas = useAreas();
  return (
    <>
      <Choice
        label={t("people.role")}
        name="role"
        value={draft.role}
        wrong={wrong("role")}
        onValue={(role) => onDraft({ ...draft, role: role as Role })}
        options={ROLES.map((role) => ({ value: role, name: t(`role.${role}`) }))}
      />
      <Choice
        label={t("people.area")}
        name="area"
        value={draft.area}
        wrong={wrong("area_id")}
        onValue={(area) => onDraft({ ...draft, area })}
        options={[
          { value: "", name: t(draft.role === "dispatcher" ? "people.area.choose" : "people.area.none") },
          ...areas
            .filter((area) => !area.disabled || String(area.id) === draft.area)
            .map((area) => ({ value: String(area.id), name: area.name })),
        ]}
      />
    </>
  );
}
