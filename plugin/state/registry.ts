/**
 * Networks, pools and leases in memory, and the only writer of them in the store: what is here is on disk, except for what
 * `keepEndpoint` and `keepAddress` could not write yet. Bounded by what Docker has on this host, and by the hold times.
 *
 * A lease changes hands by one write. Who asks for endpoints, addresses or held leases sees those that are in these
 * hands now.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { scopeOfNetwork, type LeaseScope } from './lease-scope.ts';
import { LeaseViews, RecordList } from './lease-views.ts';
import {
  leaseOfAddress,
  leaseOfEndpoint,
  leaseOfHeld,
  type AddressRecord,
  type EndpointRecord,
  type HeldRecord,
  type LeaseHolder,
  type LeaseRecord,
} from './lease-records.ts';
import { scopeOfPool, type PoolRecord } from './pool-records.ts';
import type { NetworkRecord } from './records.ts';

/** What is stored, by the name of its folder. */
export interface Records {
  networks: NetworkRecord;
  leases: LeaseRecord;
  pools: PoolRecord;
}

type Kind = keyof Records;

/** Calls for one record take effect in the order of asking. */
export interface RecordStore {
  save<K extends Kind>(kind: K, record: Records[K]): Promise<void>;
  delete(kind: Kind, id: string): Promise<void>;
}

export class Registry {
  readonly #store: RecordStore;
  readonly #records: { readonly [K in Kind]: RecordList<Records[K]> } = {
    networks: new RecordList(),
    leases: new RecordList(),
    pools: new RecordList(),
  };
  readonly #views = new LeaseViews();
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
    for (const network of contents.networks) this.#set('networks', network);
    for (const lease of contents.leases) this.#set('leases', lease);
  }

  networks(): readonly NetworkRecord[] {
    return this.#records.networks.list();
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

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  addNetwork(record: NetworkRecord): Promise<void> {
    return this.#add('networks', record);
  }

  removeNetwork(id: string): Promise<void> {
    return this.#remove('networks', id);
  }

  pools(): readonly PoolRecord[] {
    return this.#records.pools.list();
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

  endpoints(): readonly EndpointRecord[] {
    return this.#views.endpoints.list();
  }

  findEndpoint(id: string): EndpointRecord | undefined {
    return this.#views.endpoints.get(id);
  }

  /** The endpoint that has the lease. */
  findEndpointOf(leaseId: string): EndpointRecord | undefined {
    const { holder } = this.findLease(leaseId) ?? {};
    return holder?.is === 'endpoint' ? this.findEndpoint(holder.id) : undefined;
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

  addresses(): readonly AddressRecord[] {
    return this.#views.addresses.list();
  }

  findAddress(id: string): AddressRecord | undefined {
    return this.#views.addresses.get(id);
  }

  held(): readonly HeldRecord[] {
    return this.#views.held.list();
  }

  findHeld(id: string): HeldRecord | undefined {
    return this.#views.held.get(id);
  }

  /** All who have a lease now, whether by endpoint or by address. */
  holders(): readonly LeaseHolder[] {
    return this.#views.holders();
  }

  findLease(id: string): LeaseRecord | undefined {
    return this.#records.leases.get(id);
  }

  // The three ways of a lease into other hands, whoever has it now. @throws PluginError STATE_UNWRITABLE; then nothing has changed.

  addEndpoint(record: EndpointRecord): Promise<void> {
    return this.#add('leases', leaseOfEndpoint(record));
  }

  addAddress(record: AddressRecord): Promise<void> {
    return this.#add('leases', leaseOfAddress(record));
  }

  hold(record: HeldRecord): Promise<void> {
    return this.#add('leases', leaseOfHeld(record));
  }

  /** As it was before it changed hands; undefined: there was none. @throws PluginError STATE_UNWRITABLE. */
  async putBack(id: string, before: LeaseRecord | undefined): Promise<void> {
    const now = this.findLease(id);
    if (before === undefined) return this.#remove('leases', id);
    if (now?.holder !== before.holder) await this.#add('leases', before);
  }

  /**
   * Replaces what is true of a known endpoint, whether or not it can be written; what cannot is tried again with
   * the next change of anything. One that is not known is left alone.
   * @returns why it could not be written, once; undefined if it was, or if that was said already.
   */
  async keepEndpoint(record: EndpointRecord): Promise<unknown> {
    if (this.findEndpoint(record.id)?.leaseId !== record.leaseId) return undefined;
    return this.#keep('leases', leaseOfEndpoint(record));
  }

  /** As `keepEndpoint`. */
  async keepAddress(record: AddressRecord): Promise<unknown> {
    if (this.findAddress(record.id) === undefined) return undefined;
    return this.#keep('leases', leaseOfAddress(record));
  }

  /** Its lease is over. One that has given it away is not there any more, and that is no error. */
  async removeEndpoint(id: string): Promise<void> {
    const leaseId = this.findEndpoint(id)?.leaseId;
    if (leaseId !== undefined) await this.#remove('leases', leaseId);
  }

  async removeAddress(id: string): Promise<void> {
    // Not known yet: it is being written.
    if ((this.findLease(id)?.holder.is ?? 'address') === 'address')
      await this.#remove('leases', id);
  }

  async removeHeld(id: string): Promise<void> {
    if (this.findHeld(id) !== undefined) await this.#remove('leases', id);
  }

  /** A network of ours, or a pool that another network driver uses. */
  findScope(id: string): LeaseScope | undefined {
    const network = this.findNetwork(id);
    if (network !== undefined) return scopeOfNetwork(network);
    const pool = this.findPool(id);
    return pool && scopeOfPool(pool);
  }

  #set<K extends Kind>(kind: K, record: Records[K]): void {
    this.#records[kind].set(record.id, record);
    this.#changed(kind, record.id);
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
    this.#changed(kind, id);
    this.#unwritten.delete(keyOf(kind, id));
    await this.#store.delete(kind, id);
  }

  #outdate(kind: Kind, id: string): void {
    for (const addition of this.#additions) {
      if (addition.id === id && addition.kind === kind) addition.isOutdated = true;
    }
  }

  #changed(kind: Kind, id: string): void {
    if (kind === 'leases') this.#views.changed(id, this.#records.leases.get(id));
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
