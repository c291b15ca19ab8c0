/**
 * Records in memory and in the store. The store has all that is in memory, except for writes of
 * `keep` and `settle` that failed so far.
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
  readonly #additions = new Set<{
    kind: Kind;
    id: string;
    saved: Promise<void>;
    isOutdated: boolean;
  }>();
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
    const addition = { kind, id: record.id, saved, isOutdated: false };
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

  /** Resolves when no `add` of this record is running. */
  async added(kind: Kind, id: string): Promise<void> {
    const isIt = (addition: { kind: Kind; id: string }) =>
      addition.id === id && addition.kind === kind;
    for (;;) {
      const addition = [...this.#additions].find(isIt);
      if (addition === undefined) return;
      await addition.saved.catch(() => undefined);
    }
  }

  /**
   * Replaces a known record in memory, whether or not it can be written. A failed write is tried
   * again with the next change.
   * @returns why it could not be written. Undefined if it was written, or if the failure was
   * reported before.
   */
  async keep<K extends Kind>(kind: K, record: Records[K]): Promise<unknown> {
    if (!this.#list(kind).has(record.id)) return undefined;
    const wasTold = this.#unwritten.size > 0;
    try {
      await this.settle(kind, record.id, record);
    } catch (error) {
      // It may have been changed or removed meanwhile.
      return wasTold || this.#list(kind).get(record.id) !== record ? undefined : error;
    }
    return undefined;
  }

  /**
   * Replaces a record in memory, or removes it, whether or not this can be written. A failed write
   * is tried again with the next change.
   * @throws PluginError STATE_UNWRITABLE. Memory is right all the same.
   */
  async settle<K extends Kind>(kind: K, id: string, record: Records[K] | undefined): Promise<void> {
    this.#outdate(kind, id);
    if (record === undefined) this.#list(kind).delete(id);
    else this.#list(kind).set(id, record);
    this.#changed(kind, id);
    const key = keyOf(kind, id);
    try {
      await this.#write(kind, id);
    } catch (error) {
      if (this.#list(kind).get(id) === record) {
        this.#unwritten.set(key, () => this.#write(kind, id));
      }
      throw error;
    }
    this.#unwritten.delete(key);
    await this.#catchUp();
  }

  remove(kind: Kind, id: string): Promise<void> {
    return this.settle(kind, id, undefined);
  }

  /** Removes the file of a record that was not written. @throws PluginError STATE_UNWRITABLE. */
  removeFile(kind: Kind, id: string): Promise<void> {
    return this.#store.delete(kind, id);
  }

  #write<K extends Kind>(kind: K, id: string): Promise<void> {
    const current = this.#list(kind).get(id);
    return current === undefined ? this.#store.delete(kind, id) : this.#store.save(kind, current);
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
