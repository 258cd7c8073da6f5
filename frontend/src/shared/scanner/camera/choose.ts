import { cleanCode } from "@/shared/queue/codes";
import { isReserved } from "../commands";
import type { Sight } from "./presence";

/** The shape of a code: each digit as 9, each letter as A. */
export const shapeOf = (code: string): string =>
  cleanCode(code)
    .replace(/\p{N}/gu, "9")
    .replace(/\p{L}\p{M}*/gu, "A");

/** The same kinds of characters in the same order, of almost the same number: SB99 and SB100. */
function isAlike(one: string, other: string): boolean {
  if (one === other) return true;
  const short = (shape: string) => shape.replace(/(.)\1+/gu, "$1");
  return Math.abs(one.length - other.length) <= 1 && short(one) === short(other);
}

/** What is to be done with the codes of one look: hand these over, and whether somebody has to be told why not more. */
export interface Choice {
  codes: readonly string[];
  declined: boolean;
}

const NOTHING: Choice = { codes: [], declined: false };
const DECLINED: Choice = { codes: [], declined: true };

/**
 * Which codes of a look are taken. Codes of several shapes in one frame: only those of the lot. A command, the first
 * codes of a lot and one that is unlike it want a frame that stood still, with nothing else in it that may be meant.
 *
 * @param lot codes that lie in the bag already; empty where the next code decides what the bag is; undefined where no
 *   code means more than another.
 */
export function chooseCodes(sight: Sight, lot: readonly string[] | undefined): Choice {
  const { fresh, beside, unsure, still } = sight;
  if (fresh.length === 0) return NOTHING;
  const take: Choice = { codes: fresh, declined: false };
  const alone = beside.length === 1;
  if (fresh.some(isReserved)) return !still ? NOTHING : alone ? take : DECLINED;
  const labels = beside.filter((code) => !isReserved(code));
  const several = labels.some((code) => !isAlike(shapeOf(code), shapeOf(labels[0] ?? "")));
  if (lot === undefined) return several ? DECLINED : take;
  if (lot.length === 0) return !still ? NOTHING : several || unsure.length > 0 ? DECLINED : take;
  const shapes = [...new Set(lot.map(shapeOf))];
  const ofLot = fresh.filter((code) => shapes.some((shape) => isAlike(shape, shapeOf(code))));
  if (ofLot.length > 0) return { codes: ofLot, declined: ofLot.length < fresh.length };
  return !still ? NOTHING : alone ? take : DECLINED;
}
