import type { ScanOnServer } from "@/shared/api/types";
import type { ScanAction, ScanRecord } from "@/shared/queue/records";

/** How many scans the screen shows. */
export const LAST = 5;

const ACTIONS: readonly string[] = ["parent", "child", "move", "complete", "unlink"];
const isAction = (action: string): action is ScanAction => ACTIONS.includes(action);

/** What the server had of one's last scans when it was asked. */
export interface There {
  /** Newest first. */
  items: readonly ScanOnServer[];
  /** The last of this device's scans that had its answer then. */
  seq: number;
}

/**
 * The last scans, oldest first: in the server's order as far as it has told, then in this device's own. A clock has no
 * part in it.
 */
export function withElsewhere(here: readonly ScanRecord[], there: There): ScanRecord[] {
  const own = new Map(here.map((scan) => [scan.scanId, scan]));
  const listed = [...there.items].reverse().flatMap((scan) => own.get(scan.scan_id) ?? toRecord(scan) ?? []);
  const inList = new Set(listed.map((scan) => scan.scanId));
  const more = here.filter(
    ({ scanId, state, seq }) => !inList.has(scanId) && (state === "waiting" || seq > there.seq),
  );
  return [...listed, ...more].slice(-LAST);
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
