import { api, take } from "@/shared/api/calls";
import type { components } from "@/shared/api/schema";

type Schemas = components["schemas"];
export type SiteSettings = Required<Schemas["SiteSettings"]>;
export type SettingsChange = Schemas["SettingsChange"];

export const readSettings = async () => (await take(api.GET("/api/v1/settings"))) as SiteSettings;

export type Tried = Schemas["Tried"];

/** Sends a message of trial to where alerts go. */
export const tryAlerts = () => take(api.POST("/api/v1/performance/alerts/try"));

export const saveSettings = async (body: SettingsChange) =>
  (await take(api.PATCH("/api/v1/settings", { body }))) as SiteSettings;
