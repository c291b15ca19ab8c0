/**
 * Networks, endpoints, pools, addresses and held leases in memory, and the only writer of them in the store: what
 * is here is on disk, except for what `keepEndpoint` and `keepAddress` could not write yet. Bounded by what Docker has
 * on this host, and by the hold times.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { scopeOfNetwork, type LeaseScope } from './lease-scope.ts';
import { scopeOfPool, type AddressRecord, type PoolRecord } from './pool-records.ts';
import {
  holderOf,
  type EndpointRecord,
  type HeldRecord,
  type LeaseHolder,
  type NetworkRecord,
} from './records.ts';

/** What is stored, by the name of its folder. */
export interface Records {
  networks: NetworkRecord;
  endpoints: EndpointRecord;
  held: HeldRecord;
  pools: PoolRecord;
  addresses: AddressRecord;
}

type Kind = keyof Records;

/** Calls for one record take effect in the order of asking. */
export interface RecordStore {
  save<K extends Kind>(kind: K, record: Records[K]): Promise<void>;
  delete(kind: Kind, id: string): Promise<void>;
}

export class Registry {
  readonly #store: RecordStore;
  readonly #records: { readonly [K in Kind]: Map<string, Records[K]> } = {
    networks: new Map(),
    endpoints: new Map(),
    held: new Map(),
    pools: new Map(),
    addresses: new Map(),
  };
  /** Made when asked for, until the next change. */
  readonly #lists = new Map<Kind, readonly Records[Kind][]>();
  #holders: readonly LeaseHolder[] | undefined;
  /** Saves under way that memory waits for. Outdated: what is true since then is in memory already. */
  readonly #additions = new Set<{ kind: Kind; id: string; isOutdated: boolean }>();
  /** By kind and id: how to bring the files up to date that are older than what is here. */
  readonly #unwritten = new Map<string, () => Promise<void>>();

  constructor(store: RecordStore) {
    this.#store = store;
  }

  /** Takes in what the store already holds. */
  adopt(contents: { readonly [K in Kind]: readonly Records[K][] }): void {
    for (const pool of contents.pools) this.#set('pools', pool);
    for (const address of contents.addresses) this.#set('addresses', address);
    for (const held of contents.held) this.#set('held', held);
    for (const network of contents.networks) this.#set('networks', network);
    for (const endpoint of contents.endpoints) this.#set('endpoints', endpoint);
  }

  networks(): readonly NetworkRecord[] {
    return this.#list('networks');
  }

  endpoints(): readonly EndpointRecord[] {
    return this.#list('endpoints');
  }

  findNetwork(id: string): NetworkRecord | undefined {
    return this.#records.networks.get(id);
  }

  /** @throws PluginError NETWORK_UNKNOWN. */
  requireNetwork(id: string): NetworkRecord {
    const network = this.findNetwork(id);
    if (network !== undefined && network.isUnfinished !== true) return network;
    throw new PluginError(
      'NETWORK_UNKNOWN',
      `network ${id.slice(0, 12)} is not in this plugin's state; remove it and create it again`,
    );
  }

  findEndpoint(id: string): EndpointRecord | undefined {
    return this.#records.endpoints.get(id);
  }

  /** A copy of a record was taken in: the lease stays with the container that goes on. */
  isLeaseOfAnother({ id, networkId, clientId, lease }: EndpointRecord): boolean {
    return this.endpoints().some(
      (other) =>
        other.id !== id &&
        other.networkId === networkId &&
        other.clientId === clientId &&
        other.lease?.address === lease?.address,
    );
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  addNetwork(record: NetworkRecord): Promise<void> {
    return this.#add('networks', record);
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  addEndpoint(record: EndpointRecord): Promise<void> {
    return this.#add('endpoints', record);
  }

  /**
   * Replaces what is true of a known endpoint, whether or not it can be written; what cannot is tried again with
   * the next change of anything. One that is not known is left alone.
   * @returns why it could not be written, once; undefined if it was, or if that was said already.
   */
  keepEndpoint(record: EndpointRecord): Promise<unknown> {
    return this.#keep('endpoints', record);
  }

  removeNetwork(id: string): Promise<void> {
    return this.#remove('networks', id);
  }

  removeEndpoint(id: string): Promise<void> {
    return this.#remove('endpoints', id);
  }

  held(): readonly HeldRecord[] {
    return this.#list('held');
  }

  findHeld(id: string): HeldRecord | undefined {
    return this.#records.held.get(id);
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  addHeld(record: HeldRecord): Promise<void> {
    return this.#add('held', record);
  }

  removeHeld(id: string): Promise<void> {
    return this.#remove('held', id);
  }

  pools(): readonly PoolRecord[] {
    return this.#list('pools');
  }

  findPool(id: string): PoolRecord | undefined {
    return this.#records.pools.get(id);
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  addPool(record: PoolRecord): Promise<void> {
    return this.#add('pools', record);
  }

  removePool(id: string): Promise<void> {
    return this.#remove('pools', id);
  }

  addresses(): readonly AddressRecord[] {
    return this.#list('addresses');
  }

  findAddress(id: string): AddressRecord | undefined {
    return this.#records.addresses.get(id);
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  addAddress(record: AddressRecord): Promise<void> {
    return this.#add('addresses', record);
  }

  /** As `keepEndpoint`. */
  keepAddress(record: AddressRecord): Promise<unknown> {
    return this.#keep('addresses', record);
  }

  removeAddress(id: string): Promise<void> {
    return this.#remove('addresses', id);
  }

  /** A network of ours, or a pool that another network driver uses. */
  findScope(id: string): LeaseScope | undefined {
    const network = this.findNetwork(id);
    if (network !== undefined) return scopeOfNetwork(network);
    const pool = this.findPool(id);
    return pool && scopeOfPool(pool);
  }

  /** All who have a lease now, whether by endpoint or by address. */
  holders(): readonly LeaseHolder[] {
    this.#holders ??= [...this.endpoints().map(holderOf), ...this.addresses()];
    return this.#holders;
  }

  #list<K extends Kind>(kind: K): readonly Records[K][] {
    let list = this.#lists.get(kind) as readonly Records[K][] | undefined;
    list ??= [...this.#records[kind].values()];
    this.#lists.set(kind, list);
    return list;
  }

  #set<K extends Kind>(kind: K, record: Records[K]): void {
    this.#records[kind].set(record.id, record);
    this.#changed(kind);
  }

  async #add<K extends Kind>(kind: K, record: Records[K]): Promise<void> {
    const addition = { kind, id: record.id, isOutdated: false };
    this.#additions.add(addition);
    try {
      await this.#store.save(kind, record);
    } finally {
      this.#additions.delete(addition);
    }
    if (!addition.isOutdated) {
      this.#set(kind, record);
      this.#unwritten.delete(keyOf(kind, record.id));
    }
    await this.#catchUp();
  }

  async #keep<K extends Kind>(kind: K, record: Records[K]): Promise<unknown> {
    const { id } = record;
    const records = this.#records[kind];
    if (!records.has(id)) return undefined;
    this.#outdate(kind, id);
    this.#set(kind, record);
    try {
      await this.#store.save(kind, record);
    } catch (error) {
      if (!records.has(id)) return undefined; // it went meanwhile
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

  async #remove(kind: Kind, id: string): Promise<void> {
    this.#outdate(kind, id);
    this.#records[kind].delete(id);
    this.#changed(kind);
    this.#unwritten.delete(keyOf(kind, id));
    await this.#store.delete(kind, id);
  }

  #outdate(kind: Kind, id: string): void {
    for (const addition of this.#additions) {
      if (addition.id === id && addition.kind === kind) addition.isOutdated = true;
    }
  }

  #changed(kind: Kind): void {
    this.#lists.delete(kind);
    if (kind === 'endpoints' || kind === 'addresses') this.#holders = undefined;
  }

  /** The disk takes writes: brings the files up to date that it refused before. */
  async #catchUp(): Promise<void> {
    for (const [key, write] of this.#unwritten) {
      try {
        await write();
        if (this.#unwritten.get(key) === write) this.#unwritten.delete(key);
      } catch {
        return; // full again
      }
    }
  }
}

function keyOf(kind: Kind, id: string): string {
  return `${kind}/${id}`;
}

export function endpointUnknown(id: string): PluginError {
  return new PluginError(
    'ENDPOINT_UNKNOWN',
    `endpoint ${id.slice(0, 12)} is not in this plugin's state; start the container again`,
  );
}
