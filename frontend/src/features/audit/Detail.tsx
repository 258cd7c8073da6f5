import { Link } from "wouter";
import { t } from "@/shared/i18n/office";
import { Icon } from "@/shared/ui/icons";
import type { AuditEvent, AuditFilters } from "./calls";
import { difference } from "./difference";
import { fieldName } from "./names";

interface DetailProps {
  event: AuditEvent;
  change: (filters: Partial<AuditFilters>) => void;
}

/** What an event changed, and the ways on from it. */
export function Detail({ event, change }: DetailProps) {
  const changes = difference(event.before, event.after);
  const { code, actor } = event;
  const to = linkTo(event);
  return (
    <div class="audit-detail">
      {changes.length === 0 ? (
        <p class="soft">{t("audit.noValues")}</p>
      ) : (
        <table class="difference">
          <thead>
            <tr>
              <th scope="col">{t("audit.field")}</th>
              <th scope="col">{t("audit.before")}</th>
              <th scope="col">{t("audit.after")}</th>
            </tr>
          </thead>
          <tbody>
            {changes.map((one) => (
              <tr key={one.name} data-changed={one.changed || undefined}>
                <th scope="row">{fieldName(one.name)}</th>
                <td data-side="before">{one.before}</td>
                <td data-side="after">{one.after}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div class="audit-ways">
        {to !== null && (
          <Link href={to} class="button">
            <Icon name="forward" />
            {t("audit.open")}
          </Link>
        )}
        {code !== null && code !== "" && (
          <button type="button" class="button" onClick={() => change({ code })}>
            <Icon name="label" />
            {t("audit.story", { code })}
          </button>
        )}
        {actor !== null && (
          <button type="button" class="button" onClick={() => change({ user: String(actor.id) })}>
            <Icon name="person" />
            {t("audit.timeline", { who: actor.username })}
          </button>
        )}
      </div>
      <p class="soft audit-small">
        {[
          event.address,
          event.request_id !== null && `${t("audit.request")} ${event.request_id}`,
          event.scan_id !== null && `${t("home.scan")} ${event.scan_id}`,
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
    </div>
  );
}

/** The page of the thing itself, where it has one. */
function linkTo({ subject_type, subject_id, code }: AuditEvent): string | null {
  if (subject_type === "bag" && code !== null) return `/find?code=${encodeURIComponent(code)}`;
  if (subject_id === null) return null;
  switch (subject_type) {
    case "bill":
      return `/bills/${subject_id}`;
    case "import":
      return `/imports/${subject_id}`;
    case "return":
      return `/returns/${subject_id}`;
    case "user":
      return `/people/${subject_id}`;
    default:
      return null;
  }
}
