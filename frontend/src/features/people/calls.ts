import { api, take } from "@/shared/api/calls";
import type { components } from "@/shared/api/schema";
import type { Role } from "@/shared/api/types";

type Schemas = components["schemas"];
export type Person = Schemas["UserRecord"];
export type MadePerson = Schemas["MadeUser"];
export type Registration = Schemas["Registration"];
export type Promotion = Schemas["Promotion"];
export type RequestState = Schemas["RegistrationState"];

export const ROLES: readonly Role[] = ["dispatcher", "biller", "admin"];
const isRole = (text: string): text is Role => ROLES.some((role) => role === text);

export interface PeopleFilters {
  q: string;
  role: string;
  area: string;
  state: string;
}

export const listPeople = (filters: PeopleFilters, cursor: string | null) =>
  take(
    api.GET("/api/v1/users", {
      params: {
        query: {
          q: filters.q.trim() || null,
          role: isRole(filters.role) ? filters.role : null,
          area_id: filters.area === "" ? null : Number(filters.area),
          disabled: filters.state === "" ? null : filters.state === "disabled",
          keys: false,
          cursor,
          limit: 50,
        },
      },
    }),
  );

const at = (user_id: number) => ({ params: { path: { user_id } } });

export const getPerson = (id: number) => take(api.GET("/api/v1/users/{user_id}", at(id)));

export const createPerson = (body: Schemas["NewUser"]) => take(api.POST("/api/v1/users", { body }));

export const changePerson = (id: number, body: Schemas["UserChange"]) =>
  take(api.PATCH("/api/v1/users/{user_id}", { ...at(id), body }));

export const resetPassword = async (id: number) =>
  (await take(api.POST("/api/v1/users/{user_id}/one-time-password", at(id)))).password;

export const endSessions = async (id: number) =>
  (await take(api.DELETE("/api/v1/users/{user_id}/sessions", at(id)))).sessions_ended;

export const takeSecondFactorOff = (id: number) => take(api.DELETE("/api/v1/users/{user_id}/totp", at(id)));

export const registrations = (state: RequestState | null, cursor: string | null) =>
  take(api.GET("/api/v1/registrations", { params: { query: { state, cursor, limit: 50 } } }));

const asked = (registration_id: number) => ({ params: { path: { registration_id } } });

export const approveRegistration = (id: number, body: Schemas["Approval"]) =>
  take(api.POST("/api/v1/registrations/{registration_id}/approve", { ...asked(id), body }));

export const declineRegistration = (id: number, reason: string) =>
  take(api.POST("/api/v1/registrations/{registration_id}/decline", { ...asked(id), body: { reason } }));

export const promotions = (state: RequestState | null, cursor: string | null) =>
  take(api.GET("/api/v1/promotions", { params: { query: { state, cursor, limit: 50 } } }));

const wish = (promotion_id: number) => ({ params: { path: { promotion_id } } });

export const approvePromotion = (id: number) =>
  take(api.POST("/api/v1/promotions/{promotion_id}/approve", { ...wish(id), body: {} }));

export const declinePromotion = (id: number, reason: string) =>
  take(api.POST("/api/v1/promotions/{promotion_id}/decline", { ...wish(id), body: { reason } }));

export const registrationIsOpen = async () => (await take(api.GET("/api/v1/site"))).registration;
