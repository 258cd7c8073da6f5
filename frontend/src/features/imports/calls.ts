import { api, take } from "@/shared/api/calls";
import { files } from "@/shared/api/files";
import { failureOf, Unreachable } from "@/shared/api/problems";
import type { components } from "@/shared/api/schema";
import { freshBearer } from "@/shared/api/session";

type Schemas = components["schemas"];
export type Import = Schemas["Import"];
export type Preview = Schemas["Preview"];
export type SheetGuess = Schemas["SheetGuess"];
export type SheetNotice = Schemas["SheetNotice"];
export type SheetMapping = Schemas["SheetMapping"];
export type ReportRow = Schemas["ReportRow"];
export type Kind = Import["kind"];
export type Shape = NonNullable<SheetGuess["shape"]>;
export type Verdict = ReportRow["verdict"];

const at = (import_id: number) => ({ path: { import_id } });

export const listImports = (cursor: string | null) =>
  take(api.GET("/api/v1/imports", { params: { query: { cursor, limit: 20 } } }));

export const getImport = (id: number) => take(api.GET("/api/v1/imports/{import_id}", { params: at(id) }));

export const previewImport = (id: number) =>
  take(api.GET("/api/v1/imports/{import_id}/preview", { params: at(id) }));

export const startImport = (id: number, body: Schemas["Start"]) =>
  take(api.POST("/api/v1/imports/{import_id}/start", { params: at(id), body }));

export const removeImport = (id: number) =>
  take(api.DELETE("/api/v1/imports/{import_id}", { params: at(id) }));

export const cancelImport = (id: number) =>
  take(api.POST("/api/v1/imports/{import_id}/cancel", { params: at(id) }));

/** Tens of thousands of bags take their time to go. */
export const undoImport = (id: number) =>
  take(files.POST("/api/v1/imports/{import_id}/undo", { params: at(id) }));

export const reportRows = async (id: number, verdict: Verdict | null, cursor: string | null) =>
  (await take(
    api.GET("/api/v1/imports/{import_id}/report", {
      params: { ...at(id), query: { verdict, cursor, limit: 50 } },
    }),
  )) as Schemas["Page_ReportRow_"];

export const reportFile = (id: number, format: "xlsx" | "csv") =>
  files.GET("/api/v1/imports/{import_id}/report", {
    params: { ...at(id), query: { format } },
    parseAs: "blob",
  });

export const templateFile = (kind: Kind, format: "xlsx" | "csv") =>
  files.GET("/api/v1/imports/template", { params: { query: { kind, format } }, parseAs: "blob" });

/**
 * Sends a file and tells how far it is, from 0 to 1, which fetch cannot. The file is held: nothing is
 * imported before somebody has looked at its first rows.
 */
export async function upload(file: File, kind: Kind, onProgress: (share: number) => void): Promise<Import> {
  const bearer = await freshBearer();
  const form = new FormData();
  form.set("kind", kind);
  form.set("hold", "true");
  form.set("file", file);
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("POST", "/api/v1/imports");
    for (const [name, value] of Object.entries(bearer)) call.setRequestHeader(name, value);
    call.setRequestHeader("Accept-Language", document.documentElement.lang);
    call.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    call.onerror = () => reject(new Unreachable());
    call.onload = () => {
      const body = parsed(call.responseText);
      if (call.status >= 200 && call.status < 300) resolve(body as Import);
      else {
        const headers = { "Content-Type": call.getResponseHeader("Content-Type") ?? "" };
        reject(failureOf(new Response(null, { status: call.status, headers }), body));
      }
    };
    call.send(form);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
