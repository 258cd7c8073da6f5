import type { ComponentType } from "preact";
import type { Role } from "@/shared/api/types";
import type { MessageKey } from "@/shared/i18n/i18n";
import type { IconName } from "@/shared/ui/icons";

/** Where a job stands: on the floor, at the desk, or watching over both. */
export type Group = "floor" | "desk" | "oversight";
export const GROUPS: readonly Group[] = ["floor", "desk", "oversight"];

/**
 * One job, and its page. A new screen is one more entry here; its tile at home and its place at the
 * side of the desk follow. A drawing for the tile, where it has one, is in Home.
 */
export interface Job {
  path: string;
  group: Group;
  icon: IconName;
  /** Pressed after `g`, it leads here at a desk. */
  letter: string;
  /** The paths below it, where it has pages of its own. */
  below?: string;
  name: MessageKey;
  hint: MessageKey;
  roles: readonly Role[];
  page: () => Promise<{ default: ComponentType }>;
}

const everybody: readonly Role[] = ["dispatcher", "biller", "admin"];
const desk: readonly Role[] = ["biller", "admin"];

/** A page of the desk, with its sentences, which the floor does not wait for. */
const office =
  (page: Job["page"]): Job["page"] =>
  async () => {
    const { loadOffice } = await import("@/shared/i18n/office");
    const [loaded] = await Promise.all([page(), loadOffice()]);
    return loaded;
  };

/** A page of the admins, with theirs. */
export const admin =
  <Page>(page: () => Promise<Page>) =>
  async (): Promise<Page> => {
    const { loadAdmin } = await import("@/shared/i18n/admin");
    const [loaded] = await Promise.all([page(), loadAdmin()]);
    return loaded;
  };

const admins: readonly Role[] = ["admin"];

export const jobs: readonly Job[] = [
  {
    path: "/bills",
    group: "desk",
    icon: "bill",
    letter: "b",
    below: "/:id",
    name: "home.bills",
    hint: "home.bills.hint",
    roles: desk,
    page: office(() => import("@/features/bills/Bills")),
  },
  {
    path: "/scan",
    group: "floor",
    icon: "scan",
    letter: "s",
    name: "home.scan",
    hint: "home.scan.hint",
    roles: everybody,
    page: () => import("@/features/scan/Scan"),
  },
  {
    path: "/find",
    group: "floor",
    icon: "find",
    letter: "f",
    name: "home.find",
    hint: "home.find.hint",
    roles: everybody,
    page: () => import("@/features/find/Find"),
  },
  {
    path: "/receive",
    group: "floor",
    icon: "truck",
    letter: "v",
    below: "/:id",
    name: "home.receive",
    hint: "home.receive.hint",
    roles: everybody,
    page: office(() => import("@/features/receive/Receive")),
  },
  {
    path: "/reports",
    group: "desk",
    icon: "chart",
    letter: "r",
    below: "/:which",
    name: "home.reports",
    hint: "home.reports.hint",
    roles: desk,
    page: office(() => import("@/features/reports/Reports")),
  },
  {
    path: "/returns",
    group: "desk",
    icon: "undo",
    letter: "t",
    below: "/:id",
    name: "home.returns",
    hint: "home.returns.hint",
    roles: desk,
    page: office(() => import("@/features/returns/Returns")),
  },
  {
    path: "/imports",
    group: "desk",
    icon: "file",
    letter: "i",
    below: "/:id",
    name: "home.imports",
    hint: "home.imports.hint",
    roles: desk,
    page: office(() => import("@/features/imports/Imports")),
  },
  {
    path: "/dashboard",
    group: "oversight",
    icon: "pulse",
    letter: "d",
    name: "home.dashboard",
    hint: "home.dashboard.hint",
    roles: desk,
    page: office(() => import("@/features/dashboard/Dashboard")),
  },
  {
    path: "/bags",
    group: "oversight",
    icon: "label",
    letter: "a",
    name: "home.bags",
    hint: "home.bags.hint",
    roles: everybody,
    page: office(() => import("@/features/bags/Bags")),
  },
  {
    path: "/lists",
    group: "oversight",
    icon: "list",
    letter: "l",
    below: "/:which",
    name: "home.lists",
    hint: "home.lists.hint",
    roles: everybody,
    page: office(() => import("@/features/lists/Lists")),
  },
  {
    path: "/people",
    group: "oversight",
    icon: "people",
    letter: "e",
    below: "/:which",
    name: "home.people",
    hint: "home.people.hint",
    roles: admins,
    page: admin(() => import("@/features/people/People")),
  },
  {
    path: "/places",
    group: "oversight",
    icon: "area",
    letter: "c",
    below: "/:which",
    name: "home.places",
    hint: "home.places.hint",
    roles: admins,
    page: admin(() => import("@/features/places/Places")),
  },
  {
    path: "/keys",
    group: "oversight",
    icon: "key",
    letter: "k",
    name: "home.keys",
    hint: "home.keys.hint",
    roles: admins,
    page: admin(() => import("@/features/keys/Keys")),
  },
  {
    path: "/settings",
    group: "oversight",
    icon: "settings",
    letter: "n",
    name: "home.settings",
    hint: "home.settings.hint",
    roles: admins,
    page: admin(() => import("@/features/settings/Settings")),
  },
  {
    path: "/audit",
    group: "oversight",
    icon: "record",
    letter: "w",
    name: "home.audit",
    hint: "home.audit.hint",
    roles: admins,
    page: office(() => import("@/features/audit/Audit")),
  },
  {
    path: "/performance/dashboard",
    group: "oversight",
    icon: "gauge",
    letter: "p",
    name: "home.performance",
    hint: "home.performance.hint",
    roles: admins,
    page: office(() => import("@/features/performance/Performance")),
  },
  {
    path: "/profile",
    group: "desk",
    icon: "person",
    letter: "m",
    name: "home.profile",
    hint: "home.profile.hint",
    roles: everybody,
    page: () => import("@/features/profile/Profile"),
  },
];
