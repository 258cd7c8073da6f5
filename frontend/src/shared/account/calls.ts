import { api, take } from "@/shared/api/calls";
import type { components } from "@/shared/api/schema";
import { setUser } from "@/shared/api/session";

type Schemas = components["schemas"];
export type SecondFactorSecret = Schemas["SecondFactorSecret"];
export type Promotion = Schemas["Promotion"];

export const reauthenticate = (body: Schemas["Proof"]) =>
  take(api.POST("/api/v1/auth/reauthenticate", { body }));

export const secondFactor = () => take(api.GET("/api/v1/auth/totp"));

export const beginSecondFactor = () => take(api.POST("/api/v1/auth/totp"));

export const confirmSecondFactor = async (code: string) =>
  (await take(api.POST("/api/v1/auth/totp/confirm", { body: { code } }))).recovery_codes;

export const newRecoveryCodes = async () =>
  (await take(api.POST("/api/v1/auth/totp/recovery-codes"))).recovery_codes;

export const removeSecondFactor = () => take(api.DELETE("/api/v1/auth/totp"));

/** Who one is by now, after what changes it. */
export const lookAgain = async () => setUser(await take(api.GET("/api/v1/auth/me")));

export const ownPromotions = async () =>
  (await take(api.GET("/api/v1/promotions", { params: { query: { limit: 1 } } }))).items;

export const askForRole = (body: Schemas["NewPromotion"]) => take(api.POST("/api/v1/promotions", { body }));

export const withdrawPromotion = (promotion_id: number) =>
  take(api.DELETE("/api/v1/promotions/{promotion_id}", { params: { path: { promotion_id } } }));
