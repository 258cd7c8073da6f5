import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { t } from "@/shared/i18n/admin";
import type { Column } from "@/shared/table/props";
import { Table, When } from "@/shared/table/Table";
import { useList } from "@/shared/table/useList";
import { Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { useSaving } from "@/shared/ui/useSaving";
import { changeArea, createArea, listAreas, type Area } from "./calls";
import { FormSheet } from "./FormSheet";

/** The areas: made, renamed, closed while nobody works there, and opened again. */
export function AreaList() {
  const queries = useQueryClient();
  const [editing, setEditing] = useState<Area | "new" | null>(null);
  const list = useList(["areas", "list"], listAreas);
  const columns: Column<Area>[] = [
    { key: "name", name: t("area.name"), value: (area) => <strong>{area.name}</strong> },
    {
      key: "state",
      name: t("area.state"),
      value: (area) => (
        <span class="badge" data-state={area.disabled ? undefined : "completed"}>
          <Icon name={area.disabled ? "lock" : "ok"} />
          {t(area.disabled ? "area.disabled" : "area.used")}
        </span>
      ),
    },
    { key: "made", name: t("area.made"), value: (area) => <When at={area.created_at} /> },
    {
      key: "acts",
      name: t("form.acts"),
      value: (area) => (
        <span class="row-acts">
          <Link href={`/people?area=${area.id}`} class="button">
            <Icon name="people" />
            {t("area.people")}
          </Link>
          <button type="button" class="button" onClick={() => setEditing(area)}>
            <Icon name="edit" />
            {t("bill.edit")}
          </button>
        </span>
      ),
    },
  ];
  return (
    <>
      <Table
        name="areas"
        label={t("places.areas")}
        list={list}
        keyOf={(area) => area.id}
        columns={columns}
        empty={t("area.none")}
        testid="area-row"
        lead={
          <button
            type="button"
            class="button"
            data-kind="main"
            data-size="scan"
            onClick={() => setEditing("new")}
          >
            <Icon name="plus" />
            {t("area.new")}
          </button>
        }
      />
      {editing !== null && (
        <AreaForm
          area={editing === "new" ? null : editing}
          onClose={() => setEditing(null)}
          onSaved={() => void queries.invalidateQueries({ queryKey: ["areas"] })}
        />
      )}
    </>
  );
}

interface AreaFormProps {
  area: Area | null;
  onClose: () => void;
  onSaved: () => void;
}

function AreaForm({ area, onClose, onSaved }: AreaFormProps) {
  const [name, setName] = useState(area?.name ?? "");
  const saving = useSaving({ name_taken: "name" });
  const run = (act: () => Promise<unknown>) =>
    void saving.run(act).then((done) => {
      if (!done) return;
      onSaved();
      onClose();
    });
  return (
    <FormSheet
      title={t(area === null ? "area.new" : "area.edit")}
      rest={saving.rest}
      busy={saving.busy}
      onClose={onClose}
      onSave={() => run(() => (area === null ? createArea(name) : changeArea(area.id, { name })))}
      other={
        area !== null && (
          <button
            type="button"
            class="button"
            onClick={() => run(() => changeArea(area.id, { disabled: !area.disabled }))}
          >
            <Icon name={area.disabled ? "open" : "lock"} />
            {t(area.disabled ? "area.enable" : "area.disable")}
          </button>
        )
      }
    >
      <div class="span">
        <Line
          label={t("area.name")}
          name="area-name"
          value={name}
          maxLength={80}
          required
          first
          wrong={saving.at("name")}
          onValue={setName}
        />
      </div>
    </FormSheet>
  );
}
