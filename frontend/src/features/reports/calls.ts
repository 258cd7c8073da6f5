import { api, take } from "@/shared/api/calls";
import { files } from "@/shared/api/files";
import type { components } from "@/shared/api/schema";

type Schemas = components["schemas"];
export type EndOfDay = Schemas["EndOfDay"];
export type BillSummary = Schemas["BillSummary"];
export type AreaReport = Schemas["AreaReport"];
export type Work = Schemas["Work"];
export type FileFormat = "pdf" | "xlsx" | "csv";
export type Lang = "en" | "hi";

/** What a report is asked for: days as `2026-11-24`, empty for the server's own choice. */
export interface Asked {
  from: string;
  to: string;
  area: string;
}

const area = (asked: Asked) => (asked.area === "" ? null : Number(asked.area));
const day = (text: string) => (text === "" ? null : text);

const dayQuery = (asked: Asked) => ({ date: day(asked.to), area_id: area(asked) });
const periodQuery = (asked: Asked) => ({ from: day(asked.from), to: day(asked.to), area_id: area(asked) });

export const endOfDay = async (asked: Asked) =>
  (await take(api.GET("/api/v1/reports/end-of-day", { params: { query: dayQuery(asked) } }))) as EndOfDay;

export const billSummary = async (asked: Asked) =>
  (await take(api.GET("/api/v1/reports/bills", { params: { query: periodQuery(asked) } }))) as BillSummary;

export const areaReport = async (asked: Asked) =>
  (await take(api.GET("/api/v1/reports/areas", { params: { query: periodQuery(asked) } }))) as AreaReport;

export const endOfDayFile = (asked: Asked, format: FileFormat, lang: Lang) =>
  files.GET("/api/v1/reports/end-of-day", {
    params: { query: { ...dayQuery(asked), format, lang } },
    parseAs: "blob",
  });

export const billsFile = (asked: Asked, format: FileFormat, lang: Lang) =>
  files.GET("/api/v1/reports/bills", {
    params: { query: { ...periodQuery(asked), format, lang } },
    parseAs: "blob",
  });

export const areasFile = (asked: Asked, format: FileFormat, lang: Lang) =>
  files.GET("/api/v1/reports/areas", {
    params: { query: { ...periodQuery(asked), format, lang } },
    parseAs: "blob",
  });
