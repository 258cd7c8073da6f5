import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/admin";
import type { Column } from "@/shared/table/props";
import { Table } from "@/shared/table/Table";
import { useList } from "@/shared/table/useList";
import { Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Question } from "@/shared/ui/Question";
import { Switch } from "@/shared/ui/Switch";
import { useSaving } from "@/shared/ui/useSaving";
import { changeBagType, createBagType, listBagTypes, removeBagType, type BagType } from "./calls";
import { FormSheet } from "./FormSheet";

/** The types of big bags: how many small ones each holds, what they weigh, how its codes look. */
export function BagTypes() {
  const queries = useQueryClient();
  const [editing, setEditing] = useState<BagType | "new" | null>(null);
  const [removing, setRemoving] = useState<BagType | null>(null);
  const list = useList(["bag-types"], listBagTypes);
  const again = () => void queries.invalidateQueries({ queryKey: ["bag-types"] });
  const columns: Column<BagType>[] = [
    {
      key: "name",
      name: t("type.name"),
      value: (type) => (
        <>
          <strong>{type.name}</strong>
          {type.is_default && (
            <span class="badge">
              <Icon name="star" />
              {t("type.default")}
            </span>
          )}
        </>
      ),
    },
    {
      key: "expected",
      name: t("type.expected"),
      number: true,
      value: (type) => number(type.expected_children),
    },
    {
      key: "weight",
      name: t("type.weight"),
      number: true,
      value: (type) => t("find.weight.kg", { kg: number(type.child_weight_kg) }),
    },
    {
      key: "pattern",
      name: t("type.pattern"),
      value: (type) => type.code_pattern !== null && <span class="code">{type.code_pattern}</span>,
    },
    {
      key: "acts",
      name: t("form.acts"),
      value: (type) => (
        <span class="row-acts">
          <button type="button" class="button" onClick={() => setEditing(type)}>
            <Icon name="edit" />
            {t("bill.edit")}
          </button>
          {!type.is_default && (
            <button type="button" class="button" onClick={() => setRemoving(type)}>
              <Icon name="bin" />
              {t("type.remove")}
            </button>
          )}
        </span>
      ),
    },
  ];
  return (
    <>
      <Table
        name="bag-types"
        label={t("places.types")}
        list={list}
        keyOf={(type) => type.id}
        columns={columns}
        empty=""
        testid="type-row"
        lead={
          <button
            type="button"
            class="button"
            data-kind="main"
            data-size="scan"
            onClick={() => setEditing("new")}
          >
            <Icon name="plus" />
            {t("type.new")}
          </button>
        }
      />
      {editing !== null && (
        <BagTypeForm
          type={editing === "new" ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={again}
        />
      )}
      {removing !== null && (
        <Question
          title={t("type.remove.title", { name: removing.name })}
          go={t("type.remove")}
          icon="bin"
          onClose={() => setRemoving(null)}
          act={async () => {
            await removeBagType(removing.id);
            again();
          }}
        >
          <p>{t("type.remove.why")}</p>
        </Question>
      )}
    </>
  );
}

interface BagTypeFormProps {
  type: BagType | null;
  onClose: () => void;
  onSaved: () => void;
}

function BagTypeForm({ type, onClose, onSaved }: BagTypeFormProps) {
  const [name, setName] = useState(type?.name ?? "");
  const [expected, setExpected] = useState(String(type?.expected_children ?? 30));
  const [weight, setWeight] = useState(String(type?.child_weight_kg ?? 1));
  const [pattern, setPattern] = useState(type?.code_pattern ?? "");
  const [usual, setUsual] = useState(type?.is_default ?? false);
  const saving = useSaving({ name_taken: "name", bad_code: "name", bad_pattern: "code_pattern" });
  const save = () => {
    const body = {
      name,
      expected_children: Number(expected),
      child_weight_kg: Number(weight),
      code_pattern: pattern.trim() === "" ? null : pattern,
    };
    return type === null
      ? createBagType({ ...body, is_default: usual, shape_guard: true })
      : changeBagType(type.id, {
          ...body,
          ...(usual && !type.is_default ? { is_default: true as const } : {}),
        });
  };
  return (
    <FormSheet
      title={t(type === null ? "type.new" : "type.edit")}
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
      <div class="span">
        <Line
          label={t("type.name")}
          name="type-name"
          value={name}
          maxLength={80}
          required
          first
          wrong={saving.at("name")}
          onValue={setName}
        />
      </div>
      <Line
        label={t("type.expected")}
        hint={t("type.expected.hint")}
        type="number"
        name="expected"
        min={0}
        max={100_000}
        required
        value={expected}
        wrong={saving.at("expected_children")}
        onValue={setExpected}
      />
      <Line
        label={t("type.weight")}
        type="number"
        name="weight"
        step="any"
        min={0}
        max={100_000}
        required
        value={weight}
        wrong={saving.at("child_weight_kg")}
        onValue={setWeight}
      />
      <div class="span">
        <Line
          label={t("type.pattern")}
          hint={t("type.pattern.hint")}
          name="code-pattern"
          value={pattern}
          maxLength={500}
          wrong={saving.at("code_pattern")}
          onValue={setPattern}
        />
      </div>
      {type?.is_default !== true && (
        <div class="span">
          <Switch on={usual} icon="star" label={t("type.default.make")} onTurn={setUsual} />
          <p class="soft">{t("type.default.hint")}</p>
        </div>
      )}
    </FormSheet>
  );
}
