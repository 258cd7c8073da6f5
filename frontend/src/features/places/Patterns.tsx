import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { t, type AdminKey } from "@/shared/i18n/admin";
import type { Column } from "@/shared/table/props";
import { Table } from "@/shared/table/Table";
import { useList } from "@/shared/table/useList";
import { Icon } from "@/shared/ui/icons";
import { Question } from "@/shared/ui/Question";
import { listBagTypes, listPatterns, removePattern, type BagType, type LabelPattern } from "./calls";
import { PatternForm } from "./PatternForm";
import { TryLabel } from "./TryLabel";

export const KINDS: Record<"parent" | "child", AdminKey> = { parent: "find.parent", child: "find.child" };

/** How labels are read: the patterns in the order in which they are tried, and a box to try a label in. */
export function Patterns() {
  const queries = useQueryClient();
  const [editing, setEditing] = useState<LabelPattern | "new" | null>(null);
  const [removing, setRemoving] = useState<LabelPattern | null>(null);
  const list = useList(["label-patterns"], listPatterns);
  const types = useQuery({ queryKey: ["bag-types", "names"], queryFn: listBagTypes }).data?.items ?? [];
  const again = () => void queries.invalidateQueries({ queryKey: ["label-patterns"] });
  return (
    <>
      <section class="card try-label" aria-labelledby="try">
        <h2 id="try">{t("try.title")}</h2>
        <p class="soft">{t("try.why")}</p>
        <TryLabel draft={null} types={types} patterns={list.rows} />
      </section>
      {list.rows.length > 1 && <p class="soft">{t("pattern.order")}</p>}
      <Table
        name="label-patterns"
        label={t("places.patterns")}
        list={list}
        keyOf={(pattern) => pattern.id}
        look={(pattern) => (pattern.enabled ? undefined : "off")}
        columns={columns(types, setEditing, setRemoving)}
        empty={t("pattern.none")}
        testid="pattern-row"
        lead={
          <button
            type="button"
            class="button"
            data-kind="main"
            data-size="scan"
            onClick={() => setEditing("new")}
          >
            <Icon name="plus" />
            {t("pattern.new")}
          </button>
        }
      />
      {editing !== null && (
        <PatternForm
          pattern={editing === "new" ? null : editing}
          types={types}
          patterns={list.rows}
          onClose={() => setEditing(null)}
          onSaved={again}
        />
      )}
      {removing !== null && (
        <Question
          title={t("pattern.remove.title", { name: removing.name })}
          go={t("type.remove")}
          icon="bin"
          onClose={() => setRemoving(null)}
          act={async () => {
            await removePattern(removing.id);
            again();
          }}
        >
          <p>{t("pattern.remove.why")}</p>
        </Question>
      )}
    </>
  );
}

const columns = (
  types: readonly BagType[],
  onEdit: (pattern: LabelPattern) => void,
  onRemove: (pattern: LabelPattern) => void,
): Column<LabelPattern>[] => [
  {
    key: "name",
    name: t("pattern.name"),
    value: (pattern) => (
      <>
        <strong>{pattern.name}</strong>
        {!pattern.enabled && (
          <span class="badge">
            <Icon name="lock" />
            {t("pattern.off")}
          </span>
        )}
      </>
    ),
  },
  { key: "pattern", name: t("pattern.text"), value: (one) => <span class="code">{one.pattern}</span> },
  {
    key: "kind",
    name: t("pattern.kind"),
    value: (one) => (one.kind === null ? t("pattern.kind.any") : t(KINDS[one.kind])),
  },
  {
    key: "type",
    name: t("pattern.type"),
    extra: true,
    value: (one) => types.find((type) => type.id === one.bag_type_id)?.name ?? t("pattern.type.any"),
  },
  { key: "position", name: t("pattern.position"), number: true, value: (one) => one.position },
  {
    key: "acts",
    name: t("form.acts"),
    value: (one) => (
      <span class="row-acts">
        <button type="button" class="button" onClick={() => onEdit(one)}>
          <Icon name="edit" />
          {t("bill.edit")}
        </button>
        <button type="button" class="button" onClick={() => onRemove(one)}>
          <Icon name="bin" />
          {t("type.remove")}
        </button>
      </span>
    ),
  },
];
