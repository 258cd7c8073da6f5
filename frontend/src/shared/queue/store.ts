import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import { newId } from "./codes";
import type { ScanRecord, ScanState } from "./records";

interface QueueDb extends DBSchema {
  scans: {
    key: number;
    value: ScanRecord;
    indexes: { byScanId: string; byState: [number, ScanState] };
  };
  device: { key: string; value: string };
}

/** Settled scans shown after a reload. */
const SHOW_SETTLED = 50;
/** Settled scans kept per user, to be sent again should the server ever come back without them. */
const KEEP_SETTLED = 3_000;

/** The scans of this device in IndexedDB. Nothing here is ever cleared by sign-out. */
export class ScanStore {
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

  /** All scans, to read or to write. Some browsers close the database of a page that slept: it is opened anew. */
  private async scans<Mode extends "readonly" | "readwrite">(
    mode: Mode,
    durability: IDBTransactionDurability = "default",
  ): Promise<IDBPTransaction<QueueDb, ["scans"], Mode>> {
    try {
      return this.db.transaction(["scans"], mode, { durability });
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "InvalidStateError")) throw error;
      this.db = await connect(this.name);
      return this.db.transaction(["scans"], mode, { durability });
    }
  }

  /** Stores a scan and gives it its sequence number. */
  async add(scan: ScanRecord): Promise<ScanRecord> {
    // IndexedDB fills in `seq` when it is absent; the type cannot say that it is absent only now.
    const unnumbered: Partial<ScanRecord> = { ...scan };
    delete unnumbered.seq;
    const seq = await this.db.add("scans", unnumbered as ScanRecord);
    return { ...scan, seq };
  }

  /** Everything of one user worth showing: waiting, refused, and the last settled ones; oldest first. */
  async load(userId: number): Promise<ScanRecord[]> {
    const found = await Promise.all([
      this.db.getAllFromIndex("scans", "byState", IDBKeyRange.only([userId, "waiting"])),
      this.db.getAllFromIndex("scans", "byState", IDBKeyRange.only([userId, "refused"])),
      this.newest(userId, "settled", SHOW_SETTLED),
      this.newest(userId, "withdrawn", SHOW_SETTLED),
    ]);
    return found.flat().sort((a, b) => a.seq - b.seq);
  }

  /** The last scans of one state, newest first. */
  async newest(userId: number, state: ScanState, most: number): Promise<ScanRecord[]> {
    const index = this.db.transaction("scans").store.index("byState");
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
    return this.db.getAllFromIndex("scans", "byState", IDBKeyRange.only([userId, "settled"]));
  }

  /** The oldest waiting scans, marked as tried in the same transaction that reads them. */
  async takeWaiting(
    userId: number,
    most: number,
    may: (scan: ScanRecord) => boolean = () => true,
  ): Promise<ScanRecord[]> {
    const tx = this.db.transaction("scans", "readwrite");
    const range = IDBKeyRange.only([userId, "waiting"]);
    let taken = await tx.store.index("byState").getAll(range, most);
    // Some may not go now: look further behind them.
    if (!taken.every(may)) taken = (await tx.store.index("byState").getAll(range)).filter(may).slice(0, most);
    for (const scan of taken) {
      scan.attempts += 1;
      void tx.store.put(scan);
    }
    await tx.done;
    return taken;
  }

  /** Changes one scan as it is stored now; `change` answers null to leave it alone. */
  async change(seq: number, change: (scan: ScanRecord) => ScanRecord | null): Promise<ScanRecord | null> {
    const tx = this.db.transaction("scans", "readwrite");
    const scan = await tx.store.get(seq);
    const changed = scan === undefined ? null : change(scan);
    if (changed !== null) void tx.store.put(changed);
    await tx.done;
    return changed;
  }

  /** Forgets what is settled and old. Waiting and refused scans are never touched. */
  async prune(userId: number, keep = KEEP_SETTLED): Promise<void> {
    const tx = this.db.transaction("scans", "readwrite");
    for (const state of ["settled", "withdrawn"] as const) {
      const keys = await tx.store.index("byState").getAllKeys(IDBKeyRange.only([userId, state]));
      for (const key of keys.slice(0, Math.max(0, keys.length - keep))) void tx.store.delete(key);
    }
    const refused = await tx.store.index("byState").getAll(IDBKeyRange.only([userId, "refused"]));
    const dealtWith = refused.filter((scan) => scan.dealtWith);
    for (const scan of dealtWith.slice(0, -keep)) void tx.store.delete(scan.seq);
    await tx.done;
  }

  /** Scans of anybody on this device that the server has not answered. */
  async countWaiting(): Promise<number> {
    const all = await this.db.getAll("scans");
    return all.filter((scan) => scan.state === "waiting").length;
  }

  close(): void {
    this.db.close();
  }
}

let store: Promise<ScanStore> | null = null;

/** The one store of this page. */
export const scanStore = (): Promise<ScanStore> => (store ??= ScanStore.open());

/** Scans of anybody that this phone still holds; for the sign-in screen. */
export const heldScans = async (): Promise<number> => (await scanStore()).countWaiting();
