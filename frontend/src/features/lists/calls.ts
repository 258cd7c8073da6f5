import { api, take } from "@/shared/api/calls";
import { files, save } from "@/shared/api/files";
import type { components } from "@/shared/api/schema";
import type { BagState } from "@/shared/api/types";
import type { Format } from "@/shared/table/props";

type Schemas = components["schemas"];
export type LeftOpen = Schemas["LeftOpen"];
export type Conflict = Schemas["Conflict"];
export type Shifts = Schemas["Shifts"];
export type Worked = Schemas["Worked"];
export type CodeState = Schemas["CodeState"];
export type ScanRecord = Schemas["ScanRecord"];
export type { BagState };

/** A range of time as the API takes it, and an area. */
export interface Range {
  from: string;
  to: string;
  area_id: number | null;
}

const LIMIT = 50;

export const areaOf = (area: string): number | null => (/^\d{1,15}$/.test(area) ? Number(area) : null);

export const shiftsOf = (date: string) =>
  take(api.GET("/api/v1/lists/shifts", { params: { query: { date: date === "" ? null : date } } }));

export const leftOpen = (range: Range, cursor: string | null) =>
  take(api.GET("/api/v1/lists/left-open", { params: { query: { ...range, cursor, limit: LIMIT } } }));

export const emptyBags = (area_id: number | null, cursor: string | null) =>
  take(api.GET("/api/v1/lists/empty", { params: { query: { area_id, cursor, limit: LIMIT } } }));

export const unbilled = (area_id: number | null, to: string | null, cursor: string | null) =>
  take(api.GET("/api/v1/lists/unbilled", { params: { query: { area_id, to, cursor, limit: LIMIT } } }));

export const conflicts = (range: Range, cursor: string | null) =>
  take(api.GET("/api/v1/lists/conflicts", { params: { query: { ...range, cursor, limit: LIMIT } } }));

export const work = (range: Range) => take(api.GET("/api/v1/lists/work", { params: { query: range } }));

export const scansOf = (user_id: number, range: Range, cursor: string | null) =>
  take(api.GET("/api/v1/scans", { params: { query: { user_id, ...range, cursor, limit: LIMIT } } }));

/** The child goes where it was scanned to. */
export const moveChild = (bag_id: number, parent_code: string) =>
  take(api.POST("/api/v1/bags/{bag_id}/move", { params: { path: { bag_id } }, body: { parent_code } }));

/** The child stays where it is: it is scanned there once more, which decides the conflict. */
export const confirmChild = (code: string, parent_code: string) =>
  take(api.POST("/api/v1/scans/child", { body: { code, parent_code, scan_id: crypto.randomUUID() } }));

export const statesOf = async (codes: string[]): Promise<CodeState[]> =>
  (await take(api.POST("/api/v1/bags/states", { body: { codes } }))).results;

export const statesFile = (codes: string[], format: Format) =>
  save(
    files.POST("/api/v1/bags/states/export", {
      params: { query: { format } },
      body: { codes },
      parseAs: "blob",
    }),
    `tracetrack-codes.${format}`,
  );
