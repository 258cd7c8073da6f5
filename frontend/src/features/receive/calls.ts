import { api, take } from "@/shared/api/calls";
import type { components } from "@/shared/api/schema";

type Schemas = components["schemas"];
export type Bill = Schemas["Bill"];
export type Receipt = Schemas["Receipt"];
export type ReceiptItem = Schemas["ReceiptItem"];
export type Outcome = Schemas["ReceiptScanned"]["outcome"];

const at = (bill_id: number) => ({ path: { bill_id } });
const of = (bill_id: number, receipt_id: number) => ({ path: { bill_id, receipt_id } });

/** Completed bills: all, or those that come to an area. */
export const arriving = (destination_area_id: number | null, q: string, cursor: string | null) =>
  take(
    api.GET("/api/v1/bills", {
      params: {
        query: { state: "completed", destination_area_id, q: q.trim() || null, cursor, limit: 30 },
      },
    }),
  );

export const getBill = (id: number) => take(api.GET("/api/v1/bills/{bill_id}", { params: at(id) }));

export const receiptsOf = async (id: number): Promise<Receipt[]> =>
  (await take(api.GET("/api/v1/bills/{bill_id}/receipts", { params: at(id) }))).items;

export const startReceipt = (id: number) =>
  take(api.POST("/api/v1/bills/{bill_id}/receipts", { params: at(id), body: { note: "" } }));

export const scanReceived = (id: number, receipt: number, body: Schemas["ReceiptScan"]) =>
  take(api.POST("/api/v1/bills/{bill_id}/receipts/{receipt_id}/scans", { params: of(id, receipt), body }));

export const takeBack = (id: number, receipt: number, code: string) =>
  take(
    api.DELETE("/api/v1/bills/{bill_id}/receipts/{receipt_id}/scans", {
      params: { ...of(id, receipt), query: { code } },
    }),
  );

export const itemsOf = (id: number, receipt: number, result: ReceiptItem["result"], cursor: string | null) =>
  take(
    api.GET("/api/v1/bills/{bill_id}/receipts/{receipt_id}/bags", {
      params: { ...of(id, receipt), query: { result, cursor, limit: 100 } },
    }),
  );

export const finishReceipt = (id: number, receipt: number, note: string) =>
  take(
    api.POST("/api/v1/bills/{bill_id}/receipts/{receipt_id}/finish", {
      params: of(id, receipt),
      body: { note: note.trim() === "" ? null : note },
    }),
  );
