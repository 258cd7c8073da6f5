import type { ComponentType } from "preact";
import type { Role } from "@/shared/api/types";
import type { MessageKey } from "@/shared/i18n/i18n";

/** One job on the home screen, and its page. A new screen is one more entry here, its drawing in Home. */
export interface Job {
  path: string;
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

export const jobs: readonly Job[] = [
  {
    path: "/bills",
    below: "/:id",
    name: "home.bills",
    hint: "home.bills.hint",
    roles: desk,
    page: office(() => import("@/features/bills/Bills")),
  },
  {
    path: "/scan",
    name: "home.scan",
    hint: "home.scan.hint",
    roles: everybody,
    page: () => import("@/features/scan/Scan"),
  },
  {
    path: "/find",
    name: "home.find",
    hint: "home.find.hint",
    roles: everybody,
    page: () => import("@/features/find/Find"),
  },
  {
    path: "/receive",
    below: "/:id",
    name: "home.receive",
    hint: "home.receive.hint",
    roles: everybody,
    page: office(() => import("@/features/receive/Receive")),
  },
  {
    path: "/reports",
    below: "/:which",
    name: "home.reports",
    hint: "home.reports.hint",
    roles: desk,
    page: office(() => import("@/features/reports/Reports")),
  },
  {
    path: "/returns",
    below: "/:id",
    name: "home.returns",
    hint: "home.returns.hint",
    roles: desk,
    page: office(() => import("@/features/returns/Returns")),
  },
  {
    path: "/imports",
    below: "/:id",
    name: "home.imports",
    hint: "home.imports.hint",
    roles: desk,
    page: office(() => import("@/features/imports/Imports")),
  },
  {
    path: "/profile",
    name: "home.profile",
    hint: "home.profile.hint",
    roles: everybody,
    page: () => import("@/features/profile/Profile"),
  },
];
