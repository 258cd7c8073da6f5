import { api, take } from "@/shared/api/calls";
import type { components } from "@/shared/api/schema";

type Schemas = components["schemas"];
export type Area = Schemas["Area"];
export type BagType = Schemas["BagType"];
export type LabelPattern = Schemas["LabelPattern"];
export type LabelReading = Schemas["LabelReading"];
export type Draft = Schemas["DraftPattern"];

export const listAreas = (cursor: string | null) =>
  take(api.GET("/api/v1/areas", { params: { query: { cursor, limit: 50 } } }));

export const createArea = (name: string) => take(api.POST("/api/v1/areas", { body: { name } }));

export const changeArea = (area_id: number, body: Schemas["AreaChange"]) =>
  take(api.PATCH("/api/v1/areas/{area_id}", { params: { path: { area_id } }, body }));

export const listBagTypes = () => take(api.GET("/api/v1/bag-types"));

export const createBagType = (body: Schemas["BagTypeIn"]) => take(api.POST("/api/v1/bag-types", { body }));

const type = (type_id: number) => ({ params: { path: { type_id } } });

export const changeBagType = (id: number, body: Schemas["BagTypeChange"]) =>
  take(api.PATCH("/api/v1/bag-types/{type_id}", { ...type(id), body }));

export const removeBagType = (id: number) => take(api.DELETE("/api/v1/bag-types/{type_id}", type(id)));

export const listPatterns = () => take(api.GET("/api/v1/label-patterns"));

export const createPattern = (body: Schemas["LabelPatternIn"]) =>
  take(api.POST("/api/v1/label-patterns", { body }));

const pattern = (pattern_id: number) => ({ params: { path: { pattern_id } } });

export const changePattern = (id: number, body: Schemas["LabelPatternChange"]) =>
  take(api.PATCH("/api/v1/label-patterns/{pattern_id}", { ...pattern(id), body }));

export const removePattern = (id: number) =>
  take(api.DELETE("/api/v1/label-patterns/{pattern_id}", pattern(id)));

export const tryLabel = (text: string, draft: Draft | null) =>
  take(api.POST("/api/v1/label-patterns/try", { body: { text, draft } }));
