import { codeKey } from "@/shared/queue/codes";
import { withMembers, type Packing } from "./packing";

/** One place for each user of this device. */
const place = (userId: number): string => `tracetrack.packing.${userId}`;

/** Keeps what is being packed over a reload without network, when nobody can be asked. */
export function keepPacking(userId: number, packing: Packing | null): void {
  const kept = packing === null ? null : { ...packing, members: [...packing.members] };
  localStorage.setItem(place(userId), JSON.stringify(kept));
}

/** What was being packed here last; undefined where nothing was kept. */
export function keptPacking(userId: number): Packing | null | undefined {
  const found = localStorage.getItem(place(userId));
  if (found === null) return undefined;
  const kept = JSON.parse(found) as (Omit<Packing, "members"> & { members: string[] }) | null;
  return kept === null ? null : withMembers({ ...kept, members: new Set() }, kept.members.map(codeKey));
}
