import { useAreas } from "@/shared/api/areas";
import { t } from "@/shared/i18n/office";
import { Choice } from "./fields";

/** One of the areas, or all; for somebody who sees only one there is nothing to choose. */
export function AreaChoice({ value, onValue }: { value: string; onValue: (area: string) => void }) {
  const areas = useAreas();
  if (areas.length < 2) return null;
  return (
    <Choice
      label={t("find.area")}
      value={value}
      onValue={onValue}
      options={[
        { value: "", name: t("bills.area.all") },
        ...areas.map((area) => ({ value: String(area.id), name: area.name })),
      ]}
    />
  );
}
