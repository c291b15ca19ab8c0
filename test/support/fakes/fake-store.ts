/** The plugin's store without a disk. It keeps JSON, so that only plain data can be stored. */
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { readRecord, writeRecord } from '../../../plugin/state/files/read-record.ts';
import {
  addressOf,
  endpointOf,
  heldOf,
  isOfAddress,
  isOfEndpoint,
  type AddressRecord,
  type EndpointRecord,
  type HeldRecord,
} from '../../../plugin/state/lease-records.ts';
import type { Records, RecordStore } from '../../../plugin/state/stored-records.ts';

type Kind = keyof Records;
type Call = `${keyof RecordStore} ${Kind}`;

export class FakeStore implements RecordStore {
  readonly #records: { readonly [K in Kind]: Map<string, Records[K]> } = {
    networks: new Map(),
    leases: new Map(),
    pools: new Map(),
  };
  /** Changed content of a file, by kind and id, until the file is written again. */
  readonly tampered = new Map<string, string>();
  /** Calls that fail until they are taken out again. */
  readonly failing = new Set<Call>();

  get networks() {
    return this.contents.networks;
  }

  get endpoints(): readonly EndpointRecord[] {
    return this.contents.leases.filter(isOfEndpoint).map(endpointOf);
  }

  get addresses(): readonly AddressRecord[] {
    return this.contents.leases.filter(isOfAddress).map(addressOf);
  }

  get held(): readonly HeldRecord[] {
    return this.contents.leases.map(heldOf).filter((record) => record !== undefined);
  }

  get contents(): { [K in Kind]: Records[K][] } {
    const { networks, leases, pools } = this.#records;
    return {
      networks: [...networks.values()],
      leases: [...leases.values()],
      pools: [...pools.values()],
    };
  }

  /**
   * Reads every record from the text of its file, as a new process does. Sets aside what it cannot
   * use. @returns how many of the files could not be used.
   */
  load(): { contents: { [K in Kind]: Records[K][] }; useless: number } {
    let useless = 0;
    const read = <K extends Kind>(kind: K): void => {
      for (const [id, record] of this.#records[kind]) {
        const text = this.tampered.get(`${kind}/${id}`) ?? writeRecord(kind, record);
        const reading = readRecord(kind, text, { id, writtenAt: Date.UTC(2025, 0, 1) });
        if ('record' in reading) this.#records[kind].set(id, reading.record);
        else this.#records[kind].delete(id);
        if (!('record' in reading)) useless += 1;
      }
    };
    for (const kind of ['networks', 'leases', 'pools'] as const) read(kind);
    this.tampered.clear();
    return { contents: this.contents, useless };
  }

  async save<K extends Kind>(kind: K, record: Records[K]): Promise<void> {
    await this.#attempt(`save ${kind}`);
    this.#records[kind].set(record.id, structuredClone(record));
  }

  async delete(kind: Kind, id: string): Promise<void> {
    await this.#attempt(`delete ${kind}`);
    this.#records[kind].delete(id);
  }

  async #attempt(call: Call): Promise<void> {
    await Promise.resolve();
    if (this.failing.has(call)) throw new PluginError('STATE_UNWRITABLE', `${call} failed`);
  }
}
