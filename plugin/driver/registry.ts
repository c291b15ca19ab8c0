/**
 * Networks, endpoints, pools, addresses and held leases in memory, and the only writer of them in the store: what
 * is here is on disk, except for what `keepEndpoint` could not write yet. Bounded by what Docker has on this host,
 * and by the hold times.
 */
import { PluginError } from '../errors.ts';
import { scopeOfNetwork, type LeaseScope } from './lease-scope.ts';
import { scopeOfPool, type AddressRecord, type PoolRecord } from './pool-records.ts';
import {
  completeHeld,
  completeRecord,
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

export interface RecordStore {
  save<Kind extends keyof Records>(kind: Kind, record: Records[Kind]): Promise<void>;
  delete(kind: keyof Records, id: string): Promise<void>;
}

export class Registry {
  readonly #store: RecordStore;
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #endpoints = new Map<string, EndpointRecord>();
  readonly #held = new Map<string, HeldRecord>();
  readonly #pools = new Map<string, PoolRecord>();
  readonly #addresses = new Map<string, AddressRecord>();
  /** Endpoints whose file is older than what is here. */
  readonly #unwritten = new Set<string>();

  constructor(store: RecordStore) {
    this.#store = store;
  }

  /** Takes in what the store already holds. */
  adopt(contents: { readonly [Kind in keyof Records]: readonly Records[Kind][] }): void {
    for (const pool of contents.pools) this.#pools.set(pool.id, pool);
    for (const address of contents.addresses) this.#addresses.set(address.id, address);
    for (const held of contents.held) this.#held.set(held.id, completeHeld(held));
    for (const network of contents.networks) this.#networks.set(network.id, network);
    for (const endpoint of contents.endpoints) {
      this.#endpoints.set(endpoint.id, completeRecord(endpoint));
    }
  }

  networks(): readonly NetworkRecord[] {
    return [...this.#networks.values()];
  }

  endpoints(): readonly EndpointRecord[] {
    return [...this.#endpoints.values()];
  }

  findNetwork(id: string): NetworkRecord | undefined {
    return this.#networks.get(id);
  }

  /** @throws PluginError NETWORK_UNKNOWN. */
  requireNetwork(id: string): NetworkRecord {
    const network = this.#networks.get(id);
    if (network !== undefined) return network;
    throw new PluginError(
      'NETWORK_UNKNOWN',
      `network ${id.slice(0, 12)} is not in this plugin's state; remove it and create it again`,
    );
  }

  findEndpoint(id: string): EndpointRecord | undefined {
    return this.#endpoints.get(id);
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  async addNetwork(record: NetworkRecord): Promise<void> {
    await this.#store.save('networks', record);
    this.#networks.set(record.id, record);
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  async addEndpoint(record: EndpointRecord): Promise<void> {
    await this.#store.save('endpoints', record);
    this.#endpoints.set(record.id, record);
    await this.#catchUp(record.id);
  }

  /**
   * Replaces what is true of a known endpoint, whether or not it can be written; what cannot is tried again with
   * the next change of any endpoint.
   * @returns why it could not be written, once; undefined if it was, or if that was said already.
   */
  async keepEndpoint(record: EndpointRecord): Promise<unknown> {
    this.#endpoints.set(record.id, record);
    try {
      await this.#store.save('endpoints', record);
      await this.#catchUp(record.id);
      return undefined;
    } catch (error) {
      const isNew = this.#unwritten.size === 0;
      this.#unwritten.add(record.id);
      return isNew ? error : undefined;
    }
  }

  async removeNetwork(id: string): Promise<void> {
    this.#networks.delete(id);
    await this.#store.delete('networks', id);
  }

  async removeEndpoint(id: string): Promise<void> {
    this.#endpoints.delete(id);
    this.#unwritten.delete(id);
    await this.#store.delete('endpoints', id);
  }

  held(): readonly HeldRecord[] {
    return [...this.#held.values()];
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  async addHeld(record: HeldRecord): Promise<void> {
    await this.#store.save('held', record);
    this.#held.set(record.id, record);
  }

  async removeHeld(id: string): Promise<void> {
    this.#held.delete(id);
    await this.#store.delete('held', id);
  }

  pools(): readonly PoolRecord[] {
    return [...this.#pools.values()];
  }

  findPool(id: string): PoolRecord | undefined {
    return this.#pools.get(id);
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  async addPool(record: PoolRecord): Promise<void> {
    await this.#store.save('pools', record);
    this.#pools.set(record.id, record);
  }

  async removePool(id: string): Promise<void> {
    this.#pools.delete(id);
    await this.#store.delete('pools', id);
  }

  addresses(): readonly AddressRecord[] {
    return [...this.#addresses.values()];
  }

  findAddress(id: string): AddressRecord | undefined {
    return this.#addresses.get(id);
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  async addAddress(record: AddressRecord): Promise<void> {
    await this.#store.save('addresses', record);
    this.#addresses.set(record.id, record);
  }

  async removeAddress(id: string): Promise<void> {
    this.#addresses.delete(id);
    await this.#store.delete('addresses', id);
  }

  /** A network of ours, or a pool that another network driver uses. */
  findScope(id: string): LeaseScope | undefined {
    const network = this.#networks.get(id);
    if (network !== undefined) return scopeOfNetwork(network);
    const pool = this.#pools.get(id);
    return pool && scopeOfPool(pool);
  }

  /** All who have a lease now, whether by endpoint or by address. */
  holders(): readonly LeaseHolder[] {
    return [...this.endpoints().map(holderOf), ...this.#addresses.values()];
  }

  /** The disk takes writes: brings the files of endpoints up to date that it refused before. */
  async #catchUp(writtenId: string): Promise<void> {
    this.#unwritten.delete(writtenId);
    for (const id of this.#unwritten) {
      const record = this.#endpoints.get(id);
      try {
        if (record !== undefined) await this.#store.save('endpoints', record);
        this.#unwritten.delete(id);
        if (!this.#endpoints.has(id)) await this.#store.delete('endpoints', id); // it went meanwhile
      } catch {
        return; // full again
      }
    }
  }
}

export function endpointUnknown(id: string): PluginError {
  return new PluginError(
    'ENDPOINT_UNKNOWN',
    `endpoint ${id.slice(0, 12)} is not in this plugin's state; start the container again`,
  );
}
