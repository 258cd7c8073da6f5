import createClient from "openapi-fetch";
import { take } from "./calls";
import type { paths } from "./schema";
import { authorizedWithin } from "./session";

/** A document of thousands of rows is made before its first byte comes, in ms. */
const MADE_WITHIN = 180_000;

/** The API for what takes its time, files above all: ask for those with `parseAs: "blob"`. */
export const files = createClient<paths>({
  baseUrl: location.origin,
  fetch: (request) => authorizedWithin(request, MADE_WITHIN),
});

interface FileAnswer {
  data?: unknown;
  error?: unknown;
  response: Response;
}

/** Fetches a file with the bearer header, which a link could not send, and hands it to the browser. */
export async function save(call: Promise<FileAnswer>, fallbackName: string): Promise<void> {
  const answer = await call;
  const blob = (await take(Promise.resolve(answer))) as Blob;
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = nameIn(answer.response.headers.get("Content-Disposition")) ?? fallbackName;
  link.click();
  // The browser reads it after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The name that the server gives a file. */
export function nameIn(disposition: string | null): string | null {
  if (disposition === null) return null;
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
  if (encoded !== undefined) return decodeURIComponent(encoded);
  return /filename="?([^";]+)"?/i.exec(disposition)?.[1] ?? null;
}
