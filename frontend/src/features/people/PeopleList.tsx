import { useState } from "react";
import { useLocation } from "wouter";
import { t } from "@/shared/i18n/admin";
import type { Column } from "@/shared/table/props";
import { Table, When } from "@/shared/table/Table";
import { useFilters } from "@/shared/table/useFilters";
import { useList } from "@/shared/table/useList";
import { AreaChoice } from "@/shared/ui/AreaChoice";
import { Choice, Tabs } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { listPeople, ROLES, type Person } from "./calls";
import { NewPerson } from "./NewPerson";

const columns = (): Column<Person>[] => [
  {
    key: "name",
    name: t("people.name"),
    value: (person) => (
      <span class="person-name">
        <strong>{person.full_name || person.username}</strong>
        {person.full_name !== "" && <span class="soft">{person.username}</span>}
      </span>
    ),
  },
  { key: "role", name: t("people.role"), value: (person) => t(`role.${person.role}`) },
  { key: "area", name: t("people.area"), value: (person) => person.area?.name ?? t("people.area.none") },
  {
    key: "state",
    name: t("people.state"),
    value: (person) => <PersonState person={person} />,
  },
  {
    key: "seen",
    name: t("people.seen"),
    value: (person) =>
      person.last_seen_at === null ? t("people.seen.never") : <When at={person.last_seen_at} />,
  },
  {
    key: "sessions",
    name: t("people.sessions"),
    extra: true,
    value: (person) => t("people.sessions.count", { count: person.sessions }),
  },
  { key: "totp", name: t("people.totp"), value: (person) => t(person.totp ? "form.on" : "form.off") },
  {
    key: "since",
    name: t("people.since"),
    extra: true,
    value: (person) => <When at={person.created_at} />,
  },
];

/** Whether somebody can come in: a shape and a word. */
export function PersonState({ person }: { person: Person }) {
  if (person.disabled)
    return (
      <span class="badge" data-look="off">
        <Icon name="lock" />
        {t("people.state.disabled")}
      </span>
    );
  if (person.must_change_password)
    return (
      <span class="badge" data-state="processing">
        <Icon name="key" />
        {t("people.oneTime")}
      </span>
    );
  return (
    <span class="badge" data-state="completed">
      <Icon name="ok" />
      {t("people.state.active")}
    </span>
  );
}

export function PeopleList() {
  const [, go] = useLocation();
  const [making, setMaking] = useState(false);
  const filters = useFilters({ q: "", role: "", area: "", state: "active" });
  const { role, area, state } = filters.values;
  const list = useList(["people", filters.values], (cursor) => listPeople(filters.values, cursor));
  return (
    <>
      <Table
        name="people"
        label={t("people.title")}
        list={list}
        keyOf={(person) => person.id}
        href={(person) => `/people/${person.id}`}
        look={(person) => (person.disabled ? "off" : undefined)}
        columns={columns()}
        filters={filters}
        search={t("people.search")}
        empty={t("people.none")}
        testid="person-row"
        lead={
          <button
            type="button"
            class="button"
            data-kind="main"
            data-size="scan"
            onClick={() => setMaking(true)}
          >
            <Icon name="plus" />
            {t("people.new")}
          </button>
        }
        rareActive={role !== "" || area !== ""}
        rare={
          <>
            <Choice
              label={t("people.role")}
              value={role}
              onValue={(one) => filters.change({ role: one })}
              options={[
                { value: "", name: t("people.role.all") },
                ...ROLES.map((one) => ({ value: one, name: t(`role.${one}`) })),
              ]}
            />
            <AreaChoice value={area} onValue={(one) => filters.change({ area: one })} />
          </>
        }
      >
        <Tabs
          label={t("people.state")}
          value={state}
          onValue={(one) => filters.change({ state: one })}
          options={[
            { value: "active", name: t("people.state.active") },
            { value: "disabled", name: t("people.state.disabled") },
            { value: "", name: t("people.state.all") },
          ]}
        />
      </Table>
      {making && (
        <NewPerson
          onClose={() => {
            setMaking(false);
            list.again();
          }}
          onOpen={(id) => go(`/people/${id}`)}
        />
      )}
    </>
  );
}
