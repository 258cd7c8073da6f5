import { api, take } from "@/shared/api/calls";
import { files } from "@/shared/api/files";
import type { components } from "@/shared/api/schema";
import { dayEnd, dayStart } from "@/shared/table/useFilters";

type Schemas = components["schemas"];
export type Bill = Schemas["Bill"];
export type BillState = Bill["state"];
export type BilledBag = Schemas["BilledBag"];
export type Warning = BilledBag["warnings"][number];
export type Attached = Schemas["Attached"];
export type Snapshot = Schemas["Snapshot"];

export interface BillFilters {
  q: string;
  state: string;
  from: string;
  to: string;
  area: string;
}

const STATES: readonly string[] = ["new", "processing", "completed"] satisfies BillState[];
export const isState = (text: string): text is BillState => STATES.includes(text);

export const listBills = (filters: BillFilters, cursor: string | null) =>
  take(
    api.GET("/api/v1/bills", {
      params: {
        query: {
          q: filters.q.trim() || null,
          state: isState(filters.state) ? filters.state : null,
          area_id: filters.area === "" ? null : Number(filters.area),
          from: dayStart(filters.from),
          to: dayEnd(filters.to),
          cursor,
          limit: 50,
        },
      },
    }),
  );

const at = (bill_id: number) => ({ path: { bill_id } });

export const createBill = (body: Schemas["NewBill"]) => take(api.POST("/api/v1/bills", { body }));

export const getBill = (id: number) => take(api.GET("/api/v1/bills/{bill_id}", { params: at(id) }));

export const changeBill = (id: number, etag: string, body: Schemas["BillChange"]) =>
  take(api.PATCH("/api/v1/bills/{bill_id}", { params: { ...at(id), header: { "if-match": etag } }, body }));

export const deleteBill = (id: number, etag: string) =>
  take(api.DELETE("/api/v1/bills/{bill_id}", { params: { ...at(id), header: { "if-match": etag } } }));

export const bagsOn = (id: number, q: string, cursor: string | null, limit: number) =>
  take(
    api.GET("/api/v1/bills/{bill_id}/bags", {
      params: { ...at(id), query: { q: q.trim() || null, cursor, limit } },
    }),
  );

export const attach = (id: number, body: Schemas["BillScan"]) =>
  take(api.POST("/api/v1/bills/{bill_id}/bags", { params: at(id), body }));

export const detachBag = (id: number, bag_id: number, scan_id: string) =>
  take(
    api.DELETE("/api/v1/bills/{bill_id}/bags/{bag_id}", {
      params: { path: { bill_id: id, bag_id }, query: { scan_id } },
    }),
  );

export const completeBill = (id: number, body: Schemas["Completion"]) =>
  take(api.POST("/api/v1/bills/{bill_id}/complete", { params: at(id), body }));

export const reopenBill = (id: number, reason: string) =>
  take(api.POST("/api/v1/bills/{bill_id}/reopen", { params: at(id), body: { reason } }));

export const billHistory = (id: number, cursor: string | null) =>
  take(api.GET("/api/v1/bills/{bill_id}/history", { params: { ...at(id), query: { cursor, limit: 20 } } }));

export const receiptsOf = async (id: number) =>
  (await take(api.GET("/api/v1/bills/{bill_id}/receipts", { params: at(id) }))).items;

export const returnsOf = async (id: number) =>
  (await take(api.GET("/api/v1/bills/{bill_id}/returns", { params: at(id) }))).items;

export const exportBill = (
  id: number,
  format: "pdf" | "xlsx" | "csv",
  manifest: "parents" | "children",
  lang: "en" | "hi",
) =>
  files.GET("/api/v1/bills/{bill_id}/export", {
    params: { ...at(id), query: { format, manifest, lang } },
    parseAs: "blob",
  });
