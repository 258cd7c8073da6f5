import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { t } from "@/shared/i18n/admin";
import { moment } from "@/shared/i18n/i18n";
import type { Column } from "@/shared/table/props";
import { Table, When } from "@/shared/table/Table";
import { useList } from "@/shared/table/useList";
import { Bar } from "@/shared/ui/Bar";
import { Icon } from "@/shared/ui/icons";
import { Question } from "@/shared/ui/Question";
import "@/shared/ui/office.css";
import { listKeys, revokeKey, SCOPES, type ApiKey } from "./calls";
import { NewKey } from "./NewKey";

const ended = (key: ApiKey) => key.expires_at !== null && Date.parse(key.expires_at) <= Date.now();

/** Whether a key can still be used. */
const good = (key: ApiKey) => key.revoked_at === null && !ended(key);

function state(key: ApiKey) {
  if (key.revoked_at !== null) return t("keys.state.revoked");
  return t(ended(key) ? "keys.state.ended" : "keys.state.good");
}

const columns = (onRevoke: (key: ApiKey) => void): Column<ApiKey>[] => [
  { key: "name", name: t("keys.name"), value: (key) => <strong>{key.name}</strong> },
  {
    key: "state",
    name: t("keys.state"),
    value: (key) => (
      <span class="badge" data-state={good(key) ? "completed" : undefined}>
        <Icon name={good(key) ? "ok" : "lock"} />
        {state(key)}
      </span>
    ),
  },
  {
    key: "scope",
    name: t("keys.scope"),
    value: (key) => `${t(`role.${key.role}`)}, ${key.area?.name ?? t("people.area.none")}`,
  },
  {
    key: "scopes",
    name: t("keys.scopes"),
    value: (key) =>
      key.scopes === null
        ? t("keys.scopes.all")
        : SCOPES.filter((scope) => key.scopes?.includes(scope))
            .map((scope) => t(`keys.scopes.${scope}`))
            .join(", "),
  },
  {
    key: "ends",
    name: t("keys.ends"),
    value: (key) =>
      key.expires_at === null ? (
        t("keys.ends.never")
      ) : (
        <time dateTime={key.expires_at}>{moment(key.expires_at)}</time>
      ),
  },
  { key: "beginning", name: t("keys.beginning"), value: (key) => <span class="code">{key.beginning}</span> },
  {
    key: "used",
    name: t("keys.used"),
    value: (key) => (key.last_used_at === null ? t("keys.used.never") : <When at={key.last_used_at} />),
  },
  { key: "made", name: t("keys.made"), value: (key) => <When at={key.created_at} /> },
  {
    key: "acts",
    name: t("form.acts"),
    value: (key) =>
      good(key) && (
        <button type="button" class="button" onClick={() => onRevoke(key)}>
          <Icon name="bin" />
          {t("keys.revoke")}
        </button>
      ),
  },
];

/** Keys of other programs: what each may do, when it was last used, and the end of it. */
export default function Keys() {
  const queries = useQueryClient();
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  const list = useList(["keys"], listKeys);
  const again = () => void queries.invalidateQueries({ queryKey: ["keys"] });
  return (
    <>
      <Bar title={t("keys.page")} />
      <main class="page office">
        <Table
          name="keys"
          label={t("keys.page")}
          list={list}
          keyOf={(key) => key.id}
          columns={columns(setRevoking)}
          empty={t("keys.none")}
          testid="key-row"
          lead={
            <button
              type="button"
              class="button"
              data-kind="main"
              data-size="scan"
              onClick={() => setMaking(true)}
            >
              <Icon name="plus" />
              {t("keys.new")}
            </button>
          }
        />
      </main>
      {making && <NewKey onClose={() => setMaking(false)} onMade={again} />}
      {revoking !== null && (
        <Question
          title={t("keys.revoke.title", { name: revoking.name })}
          go={t("keys.revoke")}
          icon="bin"
          onClose={() => setRevoking(null)}
          act={async () => {
            await revokeKey(revoking.id);
            again();
          }}
        >
          <p>{t("keys.revoke.why")}</p>
        </Question>
      )}
    </>
  );
}
