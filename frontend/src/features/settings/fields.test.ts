import { expect, test } from "vitest";
import type { SiteSettings } from "./calls";
import { changesOf, draftOf } from "./fields";

const settings = {
  site_name: "Depot",
  time_zone: "Asia/Kolkata",
  registration: false,
  undo_minutes: 30,
  code_hosts: ["a.example", "b.example"],
} as unknown as SiteSettings;

test("only what differs is sent, as the server takes it", () => {
  const before = draftOf(settings);
  expect(changesOf(before, before)).toEqual({});
  const draft = { ...before, registration: true, undo_minutes: "45", code_hosts: " a.example \n\nc.example" };
  expect(changesOf(draft, before)).toEqual({
    registration: true,
    undo_minutes: 45,
    code_hosts: ["a.example", "c.example"],
  });
});
