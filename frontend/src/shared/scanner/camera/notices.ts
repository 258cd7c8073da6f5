import type { CodeFormat } from "./found";
import type { Sight } from "./presence";
import type { Sighting } from "./useCamera";

/** Something that a worker must be told, as otherwise nothing would ever happen. */
export type Notice =
  | { kind: "dark" | "unread" | "nothing" }
  | { kind: "otherKind"; format: CodeFormat }
  | { kind: "twice"; code: string };

/** A picture is black, or a label unreadable, for so long, in ms, before it is said. */
const DARK_MS = 2_000;
const UNREAD_MS = 3_000;
const NOTHING_MS = 8_000;

/** Watches for what the camera cannot read. */
export class Watch {
  private readAt: number | null = null;
  private darkSince: number | null = null;
  private brokenSince: number | null = null;
  private other: { format: CodeFormat; at: number } | null = null;

  /** Takes one look at time `at` in ms; what is to be said now. */
  look({ found, others, broken, dark }: Sighting, { twice }: Sight, at: number): Notice | null {
    this.readAt ??= at;
    if (found.length > 0) {
      this.readAt = at;
      this.brokenSince = null;
      this.other = null;
    }
    this.darkSince = dark ? (this.darkSince ?? at) : null;
    if (broken) this.brokenSince ??= at;
    const [other] = others;
    if (other !== undefined) this.other = { format: other.format, at };
    const [code] = twice;
    if (code !== undefined) return { kind: "twice", code };
    if (this.darkSince !== null && at - this.darkSince >= DARK_MS) return { kind: "dark" };
    if (this.other !== null && at - this.other.at < UNREAD_MS)
      return { kind: "otherKind", format: this.other.format };
    if (this.brokenSince !== null && at - this.brokenSince >= UNREAD_MS) return { kind: "unread" };
    return at - this.readAt >= NOTHING_MS ? { kind: "nothing" } : null;
  }
}
