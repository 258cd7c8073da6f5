import { useState } from "react";
import { t } from "@/shared/i18n/admin";
import { Choice, Line } from "@/shared/ui/fields";
import { Switch } from "@/shared/ui/Switch";
import { useSaving } from "@/shared/ui/useSaving";
import { changePattern, createPattern, type BagType, type LabelPattern } from "./calls";
import { FormSheet } from "./FormSheet";
import { TryLabel } from "./TryLabel";

interface PatternFormProps {
  pattern: LabelPattern | null;
  types: readonly BagType[];
  patterns: readonly LabelPattern[];
  onClose: () => void;
  onSaved: () => void;
}

type Kind = "parent" | "child";

/** Makes a label pattern, or changes one; a label is tried on it before it is saved. */
export function PatternForm({ pattern, types, patterns, onClose, onSaved }: PatternFormProps) {
  const [name, setName] = useState(pattern?.name ?? "");
  const [text, setText] = useState(pattern?.pattern ?? "");
  const [kind, setKind] = useState<Kind | "">(pattern?.kind ?? "");
  const [type, setType] = useState(pattern?.bag_type_id?.toString() ?? "");
  const [position, setPosition] = useState(String(pattern?.position ?? 0));
  const [enabled, setEnabled] = useState(pattern?.enabled ?? true);
  const saving = useSaving({
    name_taken: "name",
    bad_code: "name",
    bad_pattern: "pattern",
    bag_type_not_found: "bag_type_id",
  });
  const how = {
    pattern: text,
    kind: kind === "" ? null : kind,
    bag_type_id: type === "" ? null : Number(type),
  };
  const save = () => {
    const body = { ...how, name, position: Number(position), enabled };
    return pattern === null ? createPattern(body) : changePattern(pattern.id, body);
  };
  return (
    <FormSheet
      title={t(pattern === null ? "pattern.new" : "pattern.edit")}
      rest={saving.rest}
      busy={saving.busy}
      onClose={onClose}
      onSave={() =>
        void saving.run(save).then((done) => {
          if (!done) return;
          onSaved();
          onClose();
        })
      }
    >
      <Line
        label={t("pattern.name")}
        name="pattern-name"
        value={name}
        maxLength={80}
        required
        first
        wrong={saving.at("name")}
        onValue={setName}
      />
      <Line
        label={t("pattern.position")}
        hint={t("pattern.position.hint")}
        type="number"
        name="position"
        min={-1000}
        max={1000}
        required
        value={position}
        wrong={saving.at("position")}
        onValue={setPosition}
      />
      <div class="span">
        <Line
          label={t("pattern.text")}
          hint={t("pattern.text.hint")}
          name="pattern"
          value={text}
          maxLength={500}
          required
          wrong={saving.at("pattern")}
          onValue={setText}
        />
      </div>
      <Choice
        label={t("pattern.kind")}
        value={kind}
        onValue={(one) => setKind(one as Kind | "")}
        options={[
          { value: "", name: t("pattern.kind.any") },
          { value: "parent", name: t("find.parent") },
          { value: "child", name: t("find.child") },
        ]}
      />
      <Choice
        label={t("pattern.type")}
        value={type}
        wrong={saving.at("bag_type_id")}
        onValue={setType}
        options={[
          { value: "", name: t("pattern.type.any") },
          ...types.map((one) => ({ value: String(one.id), name: one.name })),
        ]}
      />
      <div class="span">
        <Switch on={enabled} icon="label" label={t("pattern.enabled")} onTurn={setEnabled} />
      </div>
      <div class="span try-label">
        <h3>{t("try.title")}</h3>
        <TryLabel
          draft={text === "" ? null : { ...how, replaces: pattern?.id ?? null }}
          types={types}
          patterns={patterns}
        />
      </div>
    </FormSheet>
  );
}
