import type { ComponentType } from "preact";
import type { Role } from "@/shared/api/types";
import type { MessageKey } from "@/shared/i18n/i18n";
import { FindDrawing, ProfileDrawing, ScanDrawing } from "@/shared/ui/icons";

/** One job on the home screen, and its page. A new screen is one more entry here. */
export interface Job {
  path: string;
  name: MessageKey;
  hint: MessageKey;
  Drawing: ComponentType<{ class?: string }>;
  roles: readonly Role[];
  page: () => Promise<{ default: ComponentType }>;
}

const everybody: readonly Role[] = ["dispatcher", "biller", "admin"];

export const jobs: readonly Job[] = [
  {
    path: "/scan",
    name: "home.scan",
    hint: "home.scan.hint",
    Drawing: ScanDrawing,
    roles: everybody,
    page: () => import("@/features/scan/Scan"),
  },
  {
    path: "/find",
    name: "home.find",
    hint: "home.find.hint",
    Drawing: FindDrawing,
    roles: everybody,
    page: () => import("@/features/find/Find"),
  },
  {
    path: "/profile",
    name: "home.profile",
    hint: "home.profile.hint",
    Drawing: ProfileDrawing,
    roles: everybody,
    page: () => import("@/features/profile/Profile"),
  },
];
