/**
 * Records in memory and in the store. The store has all that is in memory, except for writes of
 * `keep` that failed so far.
 */
import { RecordList } from './record-list.ts';
import type { LeaseRecord } from './lease-records.ts';
import type { PoolRecord } from './pool-records.ts';
import type { NetworkRecord } from './records.ts';

/** The stored kinds of records. Each has a folder of that name. */
export interface Records {
  networks: NetworkRecord;
  leases: LeaseRecord;
  pools: PoolRecord;
}

type Kind = keyof Records;

/** Calls for one record take effect in the order of the calls. */
export interface RecordStore {
  save<K extends Kind>(kind: K, record: Records[K]): Promise<void>;
  delete(kind: Kind, id: string): Promise<void>;
}

interface Addition {
  readonly kind: Kind;
  readonly id: string;
  isOutdated: boolean;
  readonly saved: Promise<void>;
}

export class StoredRecords {
  readonly networks = new RecordList<NetworkRecord>();
  readonly leases = new RecordList<LeaseRecord>();
  readonly pools = new RecordList<PoolRecord>();
  readonly #lists: { readonly [K in Kind]: RecordList<Records[K]> } = {
    networks: this.networks,
    leases: this.leases,
    pools: this.pools,
  };
  readonly #store: RecordStore;
  readonly #changed: (kind: Kind, id: string) => void;
  /**
   * Running saves whose records go into memory afterwards. An outdated one does not, because memory
   * has a newer record.
   */
  readonly #additions = new Set<Addition>();
  /** Failed writes by kind and id: each function writes the present record. */
  readonly #unwritten = new Map<string, () => Promise<void>>();

  /** @param changed called for each record that has changed in memory. */
  constructor(store: RecordStore, changed: (kind: Kind, id: string) => void) {
    this.#store = store;
    this.#changed = changed;
  }

  /** Takes a record from the store into memory. */
  set<K extends Kind>(kind: K, record: Records[K]): void {
    this.#list(kind).set(record.id, record);
    this.#changed(kind, record.id);
  }

  /**
   * Adds or replaces a record, first on disk.
   * @throws PluginError STATE_UNWRITABLE. Then nothing has changed.
   */
  async add<K extends Kind>(kind: K, record: Records[K]): Promise<void> {
    const saved = this.#store.save(kind, record);
    const addition = { kind, id: record.id, isOutdated: false, saved };
    this.#additions.add(addition);
    try {
      await saved;
    } finally {
      this.#additions.delete(addition);
    }
    if (!addition.isOutdated) {
      this.set(kind, record);
      this.#unwritten.delete(keyOf(kind, record.id));
    }
    await this.#catchUp();
  }

  /** Resolves when no record of that id is on its way to the disk, and then into memory. */
  async settled(kind: Kind, id: string): Promise<void> {
    const isMeant = (one: Addition) => one.kind === kind && one.id === id;
    for (let one = [...this.#additions].find(isMeant); one !== undefined;) {
      await Promise.allSettled([one.saved]);
      one = [...this.#additions].find(isMeant);
    }
  }

  /** True if the file is older than the record, because the disk refused it. */
  isUnwritten(kind: Kind, id: string): boolean {
    return this.#unwritten.has(keyOf(kind, id));
  }

  /**
   * Replaces a known record in memory, whether or not it can be written. A failed write is tried
   * again with the next change.
   * @returns why it could not be written. Undefined if it was written, or if the failure was
   * reported before.
   */
  async keep<K extends Kind>(kind: K, record: Records[K]): Promise<unknown> {
    const { id } = record;
    const records = this.#list(kind);
    if (!records.has(id)) return undefined;
    this.#outdate(kind, id);
    this.set(kind, record);
    try {
      await this.#store.save(kind, record);
    } catch (error) {
      if (!records.has(id)) return undefined; // it was removed meanwhile
      const isNew = this.#unwritten.size === 0;
      this.#unwritten.set(keyOf(kind, id), async () => {
        const current = records.get(id);
        if (current !== undefined) await this.#store.save(kind, current);
      });
      return isNew ? error : undefined;
    }
    this.#unwritten.delete(keyOf(kind, id));
    await this.#catchUp();
    return undefined;
  }

  async remove(kind: Kind, id: string): Promise<void> {
    this.#outdate(kind, id);
    this.#list(kind).delete(id);
    this.#changed(kind, id);
    this.#unwritten.delete(keyOf(kind, id));
    await this.#store.delete(kind, id);
  }

  #outdate(kind: Kind, id: string): void {
    for (const addition of this.#additions) {
      if (addition.id === id && addition.kind === kind) addition.isOutdated = true;
    }
  }

  #list<K extends Kind>(kind: K): RecordList<Records[K]> {
    return this.#lists[kind];
  }

  /** Writes all records that the disk refused before. The disk takes writes now. */
  async #catchUp(): Promise<void> {
    for (const [key, write] of this.#unwritten) {
      try {
        await write();
        if (this.#unwritten.get(key) === write) this.#unwritten.delete(key);
      } catch {
        return; // the disk is full again
      }
    }
  }
}

function keyOf(kind: Kind, id: string): string {
  return `${kind}/${id}`;
}
