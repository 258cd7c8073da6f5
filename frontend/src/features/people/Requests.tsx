import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ago } from "@/shared/i18n/i18n";
import { t } from "@/shared/i18n/admin";
import { useList, type List } from "@/shared/table/useList";
import { errorText } from "@/shared/i18n/problem";
import { Paragraph } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Question } from "@/shared/ui/Question";
import {
  approvePromotion,
  declinePromotion,
  declineRegistration,
  promotions,
  registrationIsOpen,
  registrations,
  type Promotion,
  type Registration,
} from "./calls";
import { Approve } from "./Approve";

/** How often it is looked whether somebody asks, in ms. */
const LOOK_MS = 15_000;

/** Who asks to come in, and who asks for another role. */
export function Requests() {
  const queries = useQueryClient();
  const waiting = useList(["requests", "waiting"], (cursor) => registrations("waiting", cursor), {
    every: LOOK_MS,
  });
  const wishes = useList(["requests", "wishes"], (cursor) => promotions("waiting", cursor), {
    every: LOOK_MS,
  });
  const open = useQuery({ queryKey: ["requests", "open"], queryFn: registrationIsOpen });
  const again = () => void queries.invalidateQueries({ queryKey: ["requests"] });
  return (
    <div class="requests">
      <section class="card" aria-labelledby="accounts">
        <h2 id="accounts">{t("requests.accounts")}</h2>
        <Waiting
          list={waiting}
          none={t(open.data === false ? "requests.accounts.shut" : "requests.accounts.none")}
        >
          {(asked) => <Account key={asked.id} asked={asked} onDecided={again} />}
        </Waiting>
      </section>
      <section class="card" aria-labelledby="roles">
        <h2 id="roles">{t("requests.roles")}</h2>
        <Waiting list={wishes} none={t("requests.roles.none")}>
          {(wish) => <Wish key={wish.id} wish={wish} onDecided={again} />}
        </Waiting>
      </section>
      <Earlier />
    </div>
  );
}

interface WaitingProps<T> {
  list: List<T>;
  none: string;
  children: (one: T) => preact.ComponentChildren;
}

function Waiting<T>({ list, none, children }: WaitingProps<T>) {
  if (list.error !== null) return <Note tone="refused">{errorText(list.error)}</Note>;
  if (list.pending) return <p class="breathing">{t("app.loading")}</p>;
  if (list.rows.length === 0) return <p class="soft">{none}</p>;
  return (
    <ul class="request-list">
      {list.rows.map(children)}
      {list.more !== null && (
        <li>
          <button type="button" class="button" data-wide onClick={list.more}>
            {t("app.more")}
          </button>
        </li>
      )}
    </ul>
  );
}

function Account({ asked, onDecided }: { asked: Registration; onDecided: () => void }) {
  const [asking, setAsking] = useState<"yes" | "no" | null>(null);
  const name = asked.full_name || asked.username;
  return (
    <li class="request" data-testid="registration">
      <div class="request-text">
        <strong>{name}</strong>
        <span class="code">{asked.username}</span>
        {asked.note !== "" && <p>{asked.note}</p>}
        <span class="soft">
          {[
            t("requests.asked", { when: ago(asked.created_at) }),
            asked.address !== "" && t("requests.from", { address: asked.address }),
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </div>
      <Decide onYes={() => setAsking("yes")} onNo={() => setAsking("no")} yes={t("requests.approve")} />
      {asking === "yes" && <Approve asked={asked} onClose={() => setAsking(null)} onDone={onDecided} />}
      {asking === "no" && (
        <Decline
          name={name}
          onClose={() => setAsking(null)}
          act={async (reason) => {
            await declineRegistration(asked.id, reason);
            onDecided();
          }}
        />
      )}
    </li>
  );
}

function Wish({ wish, onDecided }: { wish: Promotion; onDecided: () => void }) {
  const [asking, setAsking] = useState<"yes" | "no" | null>(null);
  const name = wish.user.full_name || wish.user.username;
  const to = t(`role.${wish.role}`);
  return (
    <li class="request" data-testid="promotion">
      <div class="request-text">
        <strong>{name}</strong>
        <span>{t("requests.promote", { from: t(`role.${wish.from_role}`), to })}</span>
        <p>{wish.reason}</p>
        <span class="soft">{t("requests.asked", { when: ago(wish.created_at) })}</span>
      </div>
      <Decide onYes={() => setAsking("yes")} onNo={() => setAsking("no")} yes={t("requests.promote.go")} />
      {asking === "yes" && (
        <Question
          title={t("requests.promote.title", { name, to })}
          go={t("requests.promote.go")}
          icon="ok"
          onClose={() => setAsking(null)}
          act={async () => {
            await approvePromotion(wish.id);
            onDecided();
          }}
        >
          <p>{t("requests.promote.why", { name })}</p>
        </Question>
      )}
      {asking === "no" && (
        <Decline
          name={name}
          onClose={() => setAsking(null)}
          act={async (reason) => {
            await declinePromotion(wish.id, reason);
            onDecided();
          }}
        />
      )}
    </li>
  );
}

function Decide({ yes, onYes, onNo }: { yes: string; onYes: () => void; onNo: () => void }) {
  return (
    <div class="acts">
      <button type="button" class="button" onClick={onNo}>
        <Icon name="close" />
        {t("requests.decline")}
      </button>
      <button type="button" class="button" data-kind="main" onClick={onYes}>
        <Icon name="ok" />
        {yes}
      </button>
    </div>
  );
}

interface DeclineProps {
  name: string;
  onClose: () => void;
  act: (reason: string) => Promise<void>;
}

function Decline({ name, onClose, act }: DeclineProps) {
  const [reason, setReason] = useState("");
  return (
    <Question
      title={t("requests.decline.title", { name })}
      go={t("requests.decline")}
      icon="close"
      onClose={onClose}
      act={() => act(reason)}
    >
      <Paragraph label={t("requests.decline.why")} value={reason} maxLength={500} first onValue={setReason} />
    </Question>
  );
}

/** What was decided lately, so that two admins do not wonder. */
function Earlier() {
  const accounts = useQuery({
    queryKey: ["requests", "earlier", "accounts"],
    queryFn: () => registrations(null, null),
  });
  const roles = useQuery({
    queryKey: ["requests", "earlier", "roles"],
    queryFn: () => promotions(null, null),
  });
  const decided = [
    ...(accounts.data?.items ?? []).map((one) => ({ ...one, name: one.full_name || one.username, what: "" })),
    ...(roles.data?.items ?? []).map((one) => ({
      ...one,
      name: one.user.full_name || one.user.username,
      what: t(`role.${one.role}`),
    })),
  ]
    .filter((one) => one.decided_at !== null)
    .sort((a, b) => (b.decided_at ?? "").localeCompare(a.decided_at ?? ""))
    .slice(0, 10);
  if (decided.length === 0) return null;
  return (
    <section class="card" aria-labelledby="earlier">
      <h2 id="earlier">{t("requests.earlier")}</h2>
      <ul class="request-list">
        {decided.map((one) => (
          <li key={`${one.what} ${one.id}`} class="request-done">
            <Icon name={one.state === "approved" ? "ok" : "close"} />
            <span>
              <strong>{one.name}</strong> {one.what}
              <span class="soft">
                {" "}
                {t("requests.decided", {
                  state: t(`requests.state.${one.state}`),
                  who: one.decided_by ?? "",
                })}
                {", "}
                {ago(one.decided_at ?? "")}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
