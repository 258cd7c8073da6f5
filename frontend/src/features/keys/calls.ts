import { api, take } from "@/shared/api/calls";
import type { components } from "@/shared/api/schema";

type Schemas = components["schemas"];
export type ApiKey = Schemas["ApiKey"];
export type MadeKey = Schemas["MadeKey"];

export type Scope = NonNullable<ApiKey["scopes"]>[number];

/** What a key may be used for, in the order in which it is shown. */
export const SCOPES = ["read", "scan", "bills", "import", "export"] as const satisfies readonly Scope[];

export const listKeys = (cursor: string | null) =>
  take(api.GET("/api/v1/api-keys", { params: { query: { cursor, limit: 50 } } }));

export const createKey = (body: Schemas["NewKey"]) => take(api.POST("/api/v1/api-keys", { body }));

export const revokeKey = (key_id: string) =>
  take(api.DELETE("/api/v1/api-keys/{key_id}", { params: { path: { key_id } } }));
