/** The plugin's memory without a disk: as JSON, so that nothing but plain data gets through. */
import { PluginError } from '../../plugin/errors.ts';
import type { Records, RecordStore } from '../../plugin/driver/registry.ts';

type Kind = keyof Records;
type Call = `${keyof RecordStore} ${Kind}`;

export class FakeStore implements RecordStore {
  readonly #records: { readonly [K in Kind]: Map<string, Records[K]> } = {
    networks: new Map(),
    endpoints: new Map(),
    held: new Map(),
    pools: new Map(),
    addresses: new Map(),
  };
  /** Calls that fail until taken out again. */
  readonly failing = new Set<Call>();

  get networks() {
    return this.contents.networks;
  }

  get endpoints() {
    return this.contents.endpoints;
  }

  get held() {
    return this.contents.held;
  }

  get contents(): { [K in Kind]: Records[K][] } {
    const { networks, endpoints, held, pools, addresses } = this.#records;
    return {
      networks: [...networks.values()],
      endpoints: [...endpoints.values()],
      held: [...held.values()],
      pools: [...pools.values()],
      addresses: [...addresses.values()],
    };
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
