import { api, take } from "@/shared/api/calls";
import type { components } from "@/shared/api/schema";

type Schemas = components["schemas"];
export type Return = Schemas["Return"];
export type ReturnedBag = Schemas["ReturnedBag"];

const at = (return_id: number) => ({ path: { return_id } });

export const listReturns = (cursor: string | null) =>
  take(api.GET("/api/v1/returns", { params: { query: { cursor, limit: 30 } } }));

export const createReturn = (body: Schemas["NewReturn"]) => take(api.POST("/api/v1/returns", { body }));

export const getReturn = (id: number) => take(api.GET("/api/v1/returns/{return_id}", { params: at(id) }));

export const bagsOf = (id: number, cursor: string | null) =>
  take(api.GET("/api/v1/returns/{return_id}/bags", { params: { ...at(id), query: { cursor, limit: 100 } } }));

export const scanReturn = (id: number, body: Schemas["ReturnScan"]) =>
  take(api.POST("/api/v1/returns/{return_id}/bags", { params: at(id), body }));

export const removeBag = (id: number, bag_id: number) =>
  take(
    api.DELETE("/api/v1/returns/{return_id}/bags/{bag_id}", { params: { path: { return_id: id, bag_id } } }),
  );

export const confirmReturn = (id: number) =>
  take(api.POST("/api/v1/returns/{return_id}/confirm", { params: at(id) }));

export const cancelReturn = (id: number, reason: string) =>
  take(api.POST("/api/v1/returns/{return_id}/cancel", { params: at(id), body: { reason } }));
