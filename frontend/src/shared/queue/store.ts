import { openDB, type DBSchema, type IDBPDatabase, type IDBPTransaction } from "idb";
import { newId } from "./codes";
import { KeepsNothing } from "./KeepsNothing";
import type { LineScan, ScanRecord, ScanState } from "./records";

interface QueueDb extends DBSchema {
  scans: {
    key: number;
    value: ScanRecord;
    indexes: { byScanId: string; byState: [number, ScanState] };
  };
  device: { key: string; value: string };
  lines: { key: string; value: LineScan; indexes: { byUser: number } };
}

/** Settled scans shown after a reload. */
const SHOW_SETTLED = 50;
/** Settled scans kept per user, to be sent again should the server ever come back without them. */
const KEEP_SETTLED = 3_000;

const connect = (name: string): Promise<IDBPDatabase<QueueDb>> =>
  openDB<QueueDb>(name, 2, {
    upgrade(fresh, before) {
      if (before < 1) {
        const scans = fresh.createObjectStore("scans", { keyPath: "seq", autoIncrement: true });
        scans.createIndex("byScanId", "scanId", { unique: true });
        scans.createIndex("byState", ["userId", "state"]);
        fresh.createObjectStore("device");
      }
      fresh.createObjectStore("lines", { keyPath: "scan_id" }).createIndex("byUser", "user_id");
    },
    // An older page must not stand in the way of a newer one that wants to upgrade.
    blocking: (_old, _next, event) => (event.target as IDBDatabase).close(),
  });

/** On the disk before it is said to be stored: a phone whose battery falls out has it all the same. */
const KEPT: IDBTransactionDurability = "strict";

/** The scans of this device in IndexedDB. Nothing here is ever cleared by sign-out. */
export class ScanStore {
  private closed = false;

  private constructor(
    private readonly name: string,
    private db: IDBPDatabase<QueueDb>,
    /** Made once per browser profile; with `seq` it names a scan's place for ever. */
    readonly deviceId: string,
  ) {}

  static async open(name = "tracetrack"): Promise<ScanStore> {
    const db = await connect(name);
    const tx = db.transaction("device", "readwrite");
    let deviceId = await tx.store.get("id");
    if (deviceId === undefined) {
      deviceId = newId();
      await tx.store.put(deviceId, "id");
    }
    await tx.done;
    return new ScanStore(name, db, deviceId);
  }

  private scans<Mode extends "readonly" | "readwrite">(mode: Mode, durability?: IDBTransactionDurability) {
    return this.begin("scans", mode, durability);
  }

  /** One store, to read or to write. Some browsers close the database of a page that slept: it is opened anew. */
  private async begin<Name extends "scans" | "lines", Mode extends "readonly" | "readwrite">(
    name: Name,
    mode: Mode,
    durability?: IDBTransactionDurability,
  ): Promise<IDBPTransaction<QueueDb, [Name], Mode>> {
    const begin = () => this.db.transaction(name, mode, durability && { durability });
    try {
      return begin();
    } catch (error) {
      if (this.closed || !(error instanceof DOMException) || error.name !== "InvalidStateError") throw error;
      this.db = await connect(this.name);
      return begin();
    }
  }

  /** Stores a scan and gives it its sequence number. */
  async add(scan: ScanRecord): Promise<ScanRecord> {
    // IndexedDB fills in `seq` when it is absent; the type cannot say that it is absent only now.
    const unnumbered: Partial<ScanRecord> = { ...scan };
    delete unnumbered.seq;
    const tx = await this.scans("readwrite", KEPT);
    const [seq] = await Promise.all([tx.store.add(unnumbered as ScanRecord), tx.done]);
    return { ...scan, seq };
  }

  /** Everything of one user worth showing: waiting, refused, and the last settled ones; oldest first. */
  async load(userId: number): Promise<ScanRecord[]> {
    const found = await Promise.all([
      this.all(userId, "waiting"),
      this.all(userId, "refused"),
      this.newest(userId, "settled", SHOW_SETTLED),
      this.newest(userId, "withdrawn", SHOW_SETTLED),
    ]);
    return found.flat().sort((a, b) => a.seq - b.seq);
  }

  /** The last scans of one state, newest first. */
  async newest(userId: number, state: ScanState, most: number): Promise<ScanRecord[]> {
    const index = (await this.scans("readonly")).store.index("byState");
    const found: ScanRecord[] = [];
    let at = await index.openCursor(IDBKeyRange.only([userId, state]), "prev");
    while (at !== null && found.length < most) {
      found.push(at.value);
      at = await at.continue();
    }
    return found;
  }

  /** Every settled scan that is kept. */
  async settled(userId: number): Promise<ScanRecord[]> {
    return this.all(userId, "settled");
  }

  private async all(userId: number, state: ScanState): Promise<ScanRecord[]> {
    const { store } = await this.scans("readonly");
    return store.index("byState").getAll(IDBKeyRange.only([userId, state]));
  }

  /**
   * The oldest waiting scans that may go, marked as tried in the same transaction that reads them. What follows a scan
   * that may not go waits for it, and what follows one that the server never gets follows the one before that.
   */
  async takeWaiting(
    userId: number,
    most: number,
    may: (scan: ScanRecord) => boolean = () => true,
  ): Promise<ScanRecord[]> {
    const tx = await this.scans("readwrite", KEPT);
    const range = IDBKeyRange.only([userId, "waiting"]);
    const byScanId = tx.store.index("byScanId");
    const choose = async (from: ScanRecord[]): Promise<ScanRecord[]> => {
      const chosen = new Set<string>();
      const taken: ScanRecord[] = [];
      for (const scan of from) {
        if (taken.length === most) break;
        if (scan.question !== undefined || !may(scan)) continue;
        let before = scan.previous ?? null;
        let goes = true;
        while (before !== null && !chosen.has(before)) {
          const one = await byScanId.get(before);
          goes = one?.state !== "waiting";
          if (one === undefined || !goes || isKept(one)) break;
          before = one.previous ?? null;
        }
        if (!goes) continue;
        if (scan.previous !== undefined) scan.previous = before;
        chosen.add(scan.scanId);
        taken.push(scan);
      }
      return taken;
    };
    const oldest = await tx.store.index("byState").getAll(range, most);
    let taken = await choose(oldest);
    // Some may not go now: look further behind them.
    if (taken.length < oldest.length) taken = await choose(await tx.store.index("byState").getAll(range));
    for (const scan of taken) {
      scan.attempts += 1;
      void tx.store.put(scan);
    }
    await tx.done;
    return taken;
  }

  /** One scan by its id, as it is stored now. */
  async find(scanId: string): Promise<ScanRecord | undefined> {
    return (await this.scans("readonly")).store.index("byScanId").get(scanId);
  }

  /**
   * Changes one scan as it is stored now; `change` answers null to leave it alone. What the server said may
   * be asked for again, so that it may be `relaxed`.
   */
  async change(
    seq: number,
    change: (scan: ScanRecord) => ScanRecord | null,
    durability = KEPT,
  ): Promise<ScanRecord | null> {
    const tx = await this.scans("readwrite", durability);
    const scan = await tx.store.get(seq);
    const changed = scan === undefined ? null : change(scan);
    if (changed !== null) void tx.store.put(changed);
    await tx.done;
    return changed;
  }

  /** Forgets what is settled and old. Waiting and refused scans are never touched. */
  async prune(userId: number, keep = KEEP_SETTLED): Promise<void> {
    const tx = await this.scans("readwrite");
    for (const state of ["settled", "withdrawn"] as const) {
      const keys = await tx.store.index("byState").getAllKeys(IDBKeyRange.only([userId, state]));
      for (const key of keys.slice(0, Math.max(0, keys.length - keep))) void tx.store.delete(key);
    }
    const refused = await tx.store.index("byState").getAll(IDBKeyRange.only([userId, "refused"]));
    const dealtWith = refused.filter((scan) => scan.dealtWith);
    for (const scan of dealtWith.slice(0, -keep)) void tx.store.delete(scan.seq);
    await tx.done;
  }

  /** What one user left at bills, receipts and returns, oldest first. */
  async lines(userId: number): Promise<LineScan[]> {
    const { store } = await this.begin("lines", "readonly");
    const all = await store.index("byUser").getAll(userId);
    return all.sort((a, b) => a.scanned_at.localeCompare(b.scanned_at));
  }

  /** Stores a scan at a bill, a receipt or a return, or what is now known of it. */
  async keepLine(scan: LineScan): Promise<void> {
    const tx = await this.begin("lines", "readwrite", KEPT);
    await Promise.all([tx.store.put(scan), tx.done]);
  }

  /** Its answer has come, or its refusal was seen. */
  async dropLine(scanId: string): Promise<void> {
    const tx = await this.begin("lines", "readwrite");
    await Promise.all([tx.store.delete(scanId), tx.done]);
  }

  /** How many scans of each user of this device the server has not answered. */
  async countWaiting(): Promise<Map<number, number>> {
    const scans = await (await this.scans("readonly")).store.getAll();
    const lines = await (await this.begin("lines", "readonly")).store.getAll();
    const owners = [
      ...scans.filter((scan) => scan.state === "waiting").map((scan) => scan.userId),
      ...lines.filter((scan) => scan.problem === undefined).map((scan) => scan.user_id),
    ];
    const counts = new Map<number, number>();
    for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
    return counts;
  }

  close(): void {
    this.closed = true;
    this.db.close();
  }
}

/** Whether the server has, or will have, a scan under this id, so that the next one can follow it. */
export const isKept = (scan: ScanRecord): boolean => scan.state !== "withdrawn" && scan.kept !== false;

let store: Promise<ScanStore> | null = null;

/** The one store of this page; throws `KeepsNothing`. */
export const scanStore = (): Promise<ScanStore> =>
  (store ??= ScanStore.open().catch((cause: unknown) => {
    store = null;
    throw new KeepsNothing("no store for scans", { cause });
  }));

/** Asks the browser not to throw the store away when room is short. Some ask their user: so only who scans. */
export async function keepForGood(): Promise<void> {
  // Browsers show it only to pages of a secure address.
  const storage = (navigator as Partial<Navigator>).storage as Partial<StorageManager> | undefined;
  await storage?.persist?.().catch(() => false);
}

/** Scans that this phone still holds, by whose they are; for the sign-in screen. */
export const heldScans = async (): Promise<Map<number, number>> => (await scanStore()).countWaiting();
