import { api, take } from "@/shared/api/calls";
import type { components } from "@/shared/api/schema";
import { exportTable } from "@/shared/table/exports";
import type { Format } from "@/shared/table/props";
import { dayEnd, dayStart } from "@/shared/table/useFilters";

export type AuditEvent = components["schemas"]["AuditEvent"];
export type SealState = components["schemas"]["SealState"];

/** What the log is looked at by. */
export type AuditFilters = Record<
  "q" | "action" | "subject" | "area" | "actor" | "code" | "user" | "from" | "to",
  string
>;

const id = (text: string): number | null => (/^\d+$/.test(text) ? Number(text) : null);

/** With `user`, that person's own timeline, which has what was done to him too. */
export const listEvents = (filters: AuditFilters, cursor: string | null) => {
  const user = id(filters.user);
  if (user !== null)
    return take(
      api.GET("/api/v1/audit/users/{user_id}", {
        params: { path: { user_id: user }, query: { cursor, limit: 50 } },
      }),
    );
  return take(
    api.GET("/api/v1/audit", {
      params: {
        query: {
          q: filters.q.trim() || null,
          code: filters.code.trim() || null,
          action: filters.action || null,
          subject_type: filters.subject || null,
          area_id: id(filters.area),
          actor_id: id(filters.actor),
          from: dayStart(filters.from),
          to: dayEnd(filters.to),
          cursor,
          limit: 50,
        },
      },
    }),
  );
};

export const saveEvents = (filters: AuditFilters, format: Format) =>
  exportTable(
    "audit",
    {
      q: filters.q.trim() || null,
      code: filters.code.trim() || null,
      action: filters.action || null,
      subject_type: filters.subject || null,
      area_id: id(filters.area),
      user_id: id(filters.actor),
      from: dayStart(filters.from),
      to: dayEnd(filters.to),
    },
    format,
  );

export const actions = () => take(api.GET("/api/v1/audit/actions"));

export const sealState = () => take(api.GET("/api/v1/audit/seal"));

export const people = async () =>
  (await take(api.GET("/api/v1/users", { params: { query: { limit: 200 } } }))).items;
