import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import {
  askForRole,
  newRecoveryCodes,
  ownPromotions,
  removeSecondFactor,
  secondFactor,
  withdrawPromotion,
} from "@/shared/account/calls";
import { RecoveryCodes, TotpSetup } from "@/shared/account/TotpSetup";
import { useUser } from "@/shared/api/session";
import type { Role } from "@/shared/api/types";
import { t } from "@/shared/i18n/admin";
import { moment } from "@/shared/i18n/i18n";
import { errorText } from "@/shared/i18n/problem";
import { Choice, Paragraph } from "@/shared/ui/fields";
import { Icon } from "@/shared/ui/icons";
import { Note } from "@/shared/ui/parts";
import { Question } from "@/shared/ui/Question";
import { useSaving } from "@/shared/ui/useSaving";
import "@/shared/ui/office.css";

const HIGHER: Record<Role, readonly Role[]> = {
  dispatcher: ["biller", "admin"],
  biller: ["admin"],
  admin: [],
};

/** The code from one's phone, and asking for another role: what not everybody has, so it loads later. */
export default function Account() {
  const { role } = useUser();
  return (
    <>
      {role !== "dispatcher" && <SecondFactor />}
      {HIGHER[role].length > 0 && <AnotherRole />}
    </>
  );
}

function SecondFactor() {
  const queries = useQueryClient();
  const found = useQuery({ queryKey: ["totp"], queryFn: secondFactor });
  const [settingUp, setSettingUp] = useState(false);
  const [turningOff, setTurningOff] = useState(false);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const saving = useSaving();
  const again = () => void queries.invalidateQueries({ queryKey: ["totp"] });
  const now = found.data;
  return (
    <section class="card" aria-labelledby="totp">
      <h3 id="totp">
        <Icon name="phone" />
        {t("totp.title")}
      </h3>
      {found.isError && <Note tone="refused">{errorText(found.error)}</Note>}
      {codes !== null ? (
        <RecoveryCodes
          codes={codes}
          onKept={() => {
            setCodes(null);
            again();
          }}
        />
      ) : settingUp ? (
        <TotpSetup
          onDone={() => {
            setSettingUp(false);
            again();
          }}
          onGiveUp={() => setSettingUp(false)}
        />
      ) : now?.enabled === true ? (
        <>
          <Note tone="ok">{t("totp.on", { when: moment(now.since ?? "") })}</Note>
          <p class={now.recovery_codes_left > 2 ? "soft" : ""}>
            {t("totp.codes.left", { count: now.recovery_codes_left })}
          </p>
          {saving.rest !== null && (
            <Note tone="refused" alert>
              {saving.rest}
            </Note>
          )}
          <div class="acts">
            <button
              type="button"
              class="button"
              onClick={() => void saving.run(async () => setCodes(await newRecoveryCodes()))}
            >
              <Icon name="again" />
              {t("totp.codes.new")}
            </button>
            <button type="button" class="button" onClick={() => setTurningOff(true)}>
              <Icon name="close" />
              {t("totp.off")}
            </button>
          </div>
        </>
      ) : (
        now !== undefined && (
          <>
            <p class="soft">{t("totp.why")}</p>
            <button type="button" class="button" data-wide onClick={() => setSettingUp(true)}>
              {t("totp.begin")}
            </button>
          </>
        )
      )}
      {turningOff && (
        <Question
          title={t("totp.off.title")}
          go={t("totp.off")}
          icon="close"
          onClose={() => setTurningOff(false)}
          act={async () => {
            await removeSecondFactor();
            again();
          }}
        >
          <p>{t("totp.off.why")}</p>
        </Question>
      )}
    </section>
  );
}

function AnotherRole() {
  const queries = useQueryClient();
  const user = useUser();
  const found = useQuery({ queryKey: ["promotions", "own"], queryFn: ownPromotions });
  const [asking, setAsking] = useState(false);
  const [role, setRole] = useState<Role>(HIGHER[user.role][0] ?? "admin");
  const [reason, setReason] = useState("");
  const saving = useSaving({ promotion_waiting: "reason", not_a_promotion: "role" });
  const again = () => void queries.invalidateQueries({ queryKey: ["promotions"] });
  const last = found.data?.[0];
  return (
    <section class="card" aria-labelledby="promotion">
      <h3 id="promotion">
        <Icon name="star" />
        {t("promotion.title")}
      </h3>
      {last?.state === "waiting" ? (
        <>
          <Note tone="waiting">{t("promotion.waiting", { role: t(`role.${last.role}`) })}</Note>
          <button
            type="button"
            class="button"
            data-wide
            onClick={() => void saving.run(() => withdrawPromotion(last.id)).then(again)}
          >
            {t("promotion.withdraw")}
          </button>
        </>
      ) : asking ? (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void saving
              .run(() => askForRole({ role, reason }))
              .then((done) => {
                if (!done) return;
                setAsking(false);
                setReason("");
                again();
              });
          }}
        >
          <Choice
            label={t("promotion.role")}
            name="wanted-role"
            value={role}
            wrong={saving.at("role")}
            onValue={(one) => setRole(one as Role)}
            options={HIGHER[user.role].map((one) => ({ value: one, name: t(`role.${one}`) }))}
          />
          <Paragraph
            label={t("promotion.reason")}
            value={reason}
            maxLength={500}
            required
            wrong={saving.at("reason")}
            onValue={setReason}
          />
          {saving.rest !== null && (
            <Note tone="refused" alert>
              {saving.rest}
            </Note>
          )}
          <div class="acts">
            <button type="button" class="button" onClick={() => setAsking(false)}>
              {t("form.cancel")}
            </button>
            <button type="submit" class="button" data-kind="main" aria-disabled={saving.busy}>
              {t("promotion.go")}
            </button>
          </div>
        </form>
      ) : (
        <>
          {last?.state === "declined" && (
            <Note tone="refused">
              {last.answer === null
                ? t("promotion.declined", { role: t(`role.${last.role}`) })
                : t("promotion.declined.why", { role: t(`role.${last.role}`), reason: last.answer })}
            </Note>
          )}
          <p class="soft">{t("promotion.why")}</p>
          <button type="button" class="button" data-wide onClick={() => setAsking(true)}>
            {t("promotion.ask")}
          </button>
        </>
      )}
    </section>
  );
}
