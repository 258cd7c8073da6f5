import { useQuery } from "@tanstack/react-query";
import { useAreas } from "@/shared/api/areas";
import { moment, number } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/office";
import type { Column } from "@/shared/table/props";
import { Table, When } from "@/shared/table/Table";
import { useFilters } from "@/shared/table/useFilters";
import { useList } from "@/shared/table/useList";
import { Bar } from "@/shared/ui/Bar";
import { Choice, Line } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import "@/shared/ui/office.css";
import "./audit.css";
import {
  actions,
  listEvents,
  people,
  saveEvents,
  sealState,
  type AuditEvent,
  type AuditFilters,
  type SealState,
} from "./calls";
import { Detail } from "./Detail";
import { actionName, subjectName, SUBJECTS } from "./names";

const START: AuditFilters = {
  q: "",
  action: "",
  subject: "",
  area: "",
  actor: "",
  code: "",
  user: "",
  from: "",
  to: "",
};

const columns = (): Column<AuditEvent>[] => [
  {
    key: "action",
    name: t("audit.what"),
    value: (event) => (
      <span class="audit-what">
        {actionName(event.action)}
        {event.code !== null && event.code !== "" && <span class="code">{event.code}</span>}
      </span>
    ),
  },
  { key: "actor", name: t("audit.who"), value: (event) => event.actor?.username ?? t("story.system") },
  { key: "at", name: t("audit.when"), value: (event) => <When at={event.at} exact /> },
  { key: "area", name: t("find.area"), value: (event) => event.area?.name },
  { key: "subject", name: t("audit.subject"), value: (event) => subjectName(event.subject_type) },
  { key: "address", name: t("audit.address"), extra: true, value: (event) => event.address },
  {
    key: "request",
    name: t("audit.request"),
    extra: true,
    value: (event) => <span class="code">{event.request_id}</span>,
  },
];

/** Who did what, to what, as it was before and as it was after. */
export default function Audit() {
  const filters = useFilters(START);
  const { values, change } = filters;
  const list = useList(["audit", values], (cursor) => listEvents(values, cursor));
  const areas = useAreas();
  const known = useQuery({ queryKey: ["audit-actions"], queryFn: actions, staleTime: 60_000 }).data ?? [];
  const users = useQuery({ queryKey: ["audit-people"], queryFn: people, staleTime: 60_000 }).data ?? [];
  const nameOf = (user: string) => users.find((one) => String(one.id) === user)?.username ?? `#${user}`;
  const rare = (["subject", "area", "actor", "from", "to"] as const).some((name) => values[name] !== "");
  return (
    <>
      <Bar title={t("audit.title")} />
      <main class="page office audit">
        <Seal />
        {(values.user !== "" || values.code !== "") && (
          <p class="audit-only">
            <Icon name={values.user !== "" ? "person" : "label"} />
            <strong>
              {values.user !== ""
                ? t("audit.timeline", { who: nameOf(values.user) })
                : t("audit.story", { code: values.code })}
            </strong>
            <button type="button" class="button" onClick={() => change({ user: "", code: "" })}>
              <Icon name="close" />
              {t("audit.everything")}
            </button>
          </p>
        )}
        <Table
          name="audit"
          label={t("audit.title")}
          list={list}
          keyOf={(event) => event.id}
          columns={columns()}
          detail={(event) => <Detail event={event} change={(some) => change({ ...START, ...some })} />}
          filters={filters}
          empty={t("audit.none")}
          testid="audit-row"
          // A person's timeline is one thing; the file of it is that of the filters.
          {...(values.user === ""
            ? {
                search: t("audit.search"),
                exports: (format: "xlsx" | "csv") => saveEvents(values, format),
                rareActive: rare,
                rare: (
                  <>
                    <Line
                      type="date"
                      label={t("bills.from")}
                      value={values.from}
                      onValue={(from) => change({ from })}
                    />
                    <Line
                      type="date"
                      label={t("bills.to")}
                      value={values.to}
                      onValue={(to) => change({ to })}
                    />
                    <Choice
                      label={t("audit.who")}
                      value={values.actor}
                      onValue={(actor) => change({ actor })}
                      options={[
                        { value: "", name: t("audit.anybody") },
                        ...users.map((one) => ({ value: String(one.id), name: one.username })),
                      ]}
                    />
                    <Choice
                      label={t("audit.subject")}
                      value={values.subject}
                      onValue={(subject) => change({ subject })}
                      options={[
                        { value: "", name: t("audit.anything") },
                        ...SUBJECTS.map((one) => ({ value: one, name: subjectName(one) })),
                      ]}
                    />
                    {areas.length > 0 && (
                      <Choice
                        label={t("find.area")}
                        value={values.area}
                        onValue={(area) => change({ area })}
                        options={[
                          { value: "", name: t("bills.area.all") },
                          ...areas.map((one) => ({ value: String(one.id), name: one.name })),
                        ]}
                      />
                    )}
                  </>
                ),
                children: (
                  <Choice
                    label={t("audit.what")}
                    hideLabel
                    value={values.action}
                    onValue={(action) => change({ action })}
                    options={[
                      { value: "", name: t("audit.anyAction") },
                      ...known
                        .map((one) => ({ value: one, name: actionName(one) }))
                        .sort((a, b) => a.name.localeCompare(b.name)),
                    ]}
                  />
                ),
              }
            : {})}
        />
      </main>
    </>
  );
}

/** The command itself, which has no language. */
const VERIFY = "tracetrack audit verify";
/** How many seconds an event may wait for its seal before that is worth a look. */
const LATE_S = 60;

function Seal() {
  const seal = useQuery({
    queryKey: ["audit-seal"],
    queryFn: sealState,
    refetchInterval: 15_000,
    staleTime: 0,
  });
  if (seal.data === undefined) return null;
  const late = isLate(seal.data);
  const { seals, head, sealed_at, unsealed } = seal.data;
  return (
    <details class="card seal" data-late={late || undefined} data-testid="seal">
      <summary>
        <Icon name={late ? "alert" : "lock"} />
        {late
          ? t("audit.seal.late", { count: unsealed })
          : sealed_at === null
            ? t("audit.seal.none")
            : t("audit.seal.ok", { when: moment(sealed_at) })}
      </summary>
      <p>{t("audit.seal.why")}</p>
      <dl>
        <dt>{t("audit.seal.count")}</dt>
        <dd class="number">{number(seals)}</dd>
        <dt>{t("audit.seal.waiting")}</dt>
        <dd class="number">{number(unsealed)}</dd>
        <dt>{t("audit.seal.head")}</dt>
        <dd class="code">{head ?? "–"}</dd>
      </dl>
      <p class="soft">
        {t("audit.seal.verify")} <code>{VERIFY}</code>
      </p>
    </details>
  );
}

const isLate = ({ unsealed, unsealed_since }: SealState): boolean =>
  unsealed > 0 && unsealed_since !== null && Date.now() - Date.parse(unsealed_since) > LATE_S * 1_000;
