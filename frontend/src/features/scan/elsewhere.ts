import type { ScanOnServer } from "@/shared/api/types";
import type { ScanAction, ScanRecord } from "@/shared/queue/records";

/** How many scans the screen shows. */
export const LAST = 5;

const ACTIONS: readonly string[] = ["parent", "child", "move", "complete", "unlink"];
const isAction = (action: string): action is ScanAction => ACTIONS.includes(action);

/** The last scans, oldest first: this device's, and what the server knows from others. */
export function withElsewhere(here: readonly ScanRecord[], there: readonly ScanOnServer[]): ScanRecord[] {
  const known = new Set(here.map((scan) => scan.scanId));
  const others = there.flatMap((scan) => (known.has(scan.scan_id) ? [] : (toRecord(scan) ?? [])));
  return [...others, ...here]
    .sort((a, b) => Date.parse(a.scannedAt) - Date.parse(b.scannedAt) || a.seq - b.seq)
    .slice(-LAST);
}

function toRecord(scan: ScanOnServer): ScanRecord | null {
  if (!isAction(scan.action)) return null;
  const aboutParent = scan.action === "parent" || scan.action === "complete";
  return {
    seq: -scan.id,
    scanId: scan.scan_id,
    userId: scan.user.id,
    deviceId: "",
    action: scan.action,
    parentCode: aboutParent ? scan.code : (scan.parent?.code ?? ""),
    code: aboutParent ? null : scan.code,
    scannedAt: scan.scanned_at ?? scan.received_at,
    state: scan.refused ? "refused" : "settled",
    attempts: 1,
    outcome: scan.outcome,
    undone: scan.undone,
    dealtWith: true,
  };
}
