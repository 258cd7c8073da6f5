import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ScanRecord } from "@/shared/queue/records";

const HTML = "<!doctype html><title>Proxy</title>";
const page = (status: number) => new Response(HTML, { status, headers: { "Content-Type": "text/html" } });
const json = (body: unknown, status = 200, type = "application/json") =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": type } });
const problem = (code: string, status: number) =>
  json({ code, title: code, detail: "", status }, status, "application/problem+json");
const tokens = () =>
  json({ access_token: "t", token_type: "bearer", expires_in: 600, user: { id: 7, username: "ravi" } });

let answers: (path: string) => Response | Promise<Response>;
let session: typeof import("./session");
let deliver: typeof import("@/shared/queue/deliver").deliver;

const scan = {
  seq: 1,
  scanId: "00000000-0000-4000-8000-000000000001",
  userId: 7,
  deviceId: "00000000-0000-4000-8000-000000000002",
  action: "parent",
  parentCode: "P1",
  code: null,
  scannedAt: "2026-11-29T08:00:00Z",
  state: "waiting",
  attempts: 1,
} satisfies ScanRecord;

beforeEach(async () => {
  vi.resetModules();
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
    removeItem: (name: string) => kept.delete(name),
  });
  vi.stubGlobal("document", { cookie: "tt_csrf=c", documentElement: { lang: "en" } });
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("location", { origin: "http://tracetrack.test" });
  vi.stubGlobal("fetch", async (input: RequestInfo | URL) =>
    answers(new URL(input instanceof Request ? input.url : String(input), "http://tracetrack.test").pathname),
  );
  session = await import("./session");
  ({ deliver } = await import("@/shared/queue/deliver"));
  answers = tokens;
  await session.startSession();
});

afterEach(() => vi.unstubAllGlobals());

test.each([400, 401, 403, 404, 407, 413, 431, 451, 500, 502, 511])(
  "a proxy's page with %i is no verdict on a scan",
  async (status) => {
    answers = (path) => (path.endsWith("/auth/refresh") ? tokens() : page(status));
    expect(await deliver([scan])).toMatchObject({ kind: "later", reached: false });
    expect(session.currentSession().status).toBe("signed-in");
  },
);

test.each([
  ["HTML with 200", () => page(200)],
  ["an empty 200", () => new Response(null, { status: 200, headers: { "Content-Length": "0" } })],
  ["somebody else's JSON with 403", () => json({ message: "blocked", code: "blocked" }, 403)],
  ["a problem of somebody else", () => json({ title: "Blocked" }, 403, "application/problem+json")],
])("%s is no verdict either", async (_name, answer) => {
  answers = answer;
  expect(await deliver([scan])).toMatchObject({ kind: "later" });
});

test("the server's own problem is a verdict", async () => {
  answers = () => problem("bag_is_child", 409);
  expect(await deliver([scan])).toMatchObject({ kind: "rejected", problem: { code: "bag_is_child" } });
});

test.each([400, 401, 403, 407, 200])("a page with %i at token refresh signs nobody out", async (status) => {
  answers = () => page(status);
  await expect(session.refresh()).rejects.toThrow("unreachable");
  expect(session.currentSession()).toMatchObject({ status: "signed-in", user: { id: 7 } });
});

test("the server's own word at token refresh does", async () => {
  answers = () => problem("session_ended", 401);
  expect(await session.refresh()).toBe(false);
  expect(session.currentSession()).toMatchObject({ status: "signed-out", ended: true });
});
