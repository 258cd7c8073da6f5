import { files, save } from "@/shared/api/files";
import type { paths } from "@/shared/api/schema";
import type { Format } from "./props";

type Export = paths["/api/v1/exports/{table}"]["get"]["parameters"];
type Query = Omit<NonNullable<Export["query"]>, "format">;

/** Saves every row of a table that the filters let through, not only those on screen. */
export const exportTable = (table: Export["path"]["table"], query: Query, format: Format): Promise<void> =>
  save(
    files.GET("/api/v1/exports/{table}", {
      params: { path: { table }, query: { ...query, format } },
      parseAs: "blob",
    }),
    `tracetrack-${table}.${format}`,
  );
