/**
 * Networks, pools and leases in memory. This is the only writer of them in the store. All of it is
 * on disk, except for what cannot be written at the moment: changes of present holders, and the end
 * of leases. Its size is limited by what Docker has on this host, and by the hold times.
 *
 * A lease changes its holder by one write. Lists of endpoints, addresses and held leases show the
 * present holders.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { scopeOfNetwork, type LeaseScope } from './lease-scope.ts';
import { LeaseViews, type LeaseIndexes } from './lease-views.ts';
import { StoredRecords, type Records, type RecordStore } from './stored-records.ts';
import {
  hostLeaseId,
  isOfHost,
  leaseOfAddress,
  leaseOfEndpoint,
  leaseOfHeld,
  type AddressRecord,
  type AwaitedRelease,
  type EndpointRecord,
  type HeldRecord,
  type HostRecord,
  type LeaseHolder,
  type LeaseRecord,
} from './lease-records.ts';
import type { Mac } from '../wire/address.ts';
import { scopeOfPool, type PoolRecord } from './pool-records.ts';
import type { NetworkRecord } from './records.ts';

export class Registry {
  readonly #stored: StoredRecords;
  readonly #views = new LeaseViews();
  readonly leasesFound: LeaseIndexes = this.#views;

  constructor(store: RecordStore) {
    this.#stored = new StoredRecords(store, (kind, id) => {
      if (kind === 'leases') this.#views.changed(id, this.#stored.leases.get(id));
    });
  }

  /** Takes the records of the store into memory. */
  adopt(contents: { readonly [K in keyof Records]: readonly Records[K][] }): void {
    for (const pool of contents.pools) this.#stored.set('pools', pool);
    for (const network of contents.networks) this.#stored.set('networks', network);
    for (const lease of contents.leases) this.#stored.set('leases', lease);
  }

  networks(): readonly NetworkRecord[] {
    return this.#stored.networks.list();
  }

  findNetwork(id: string): NetworkRecord | undefined {
    return this.#stored.networks.get(id);
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

  /**
   * Adds or replaces the record. @throws PluginError STATE_UNWRITABLE. Then nothing has changed.
   */
  addNetwork(record: NetworkRecord): Promise<void> {
    return this.#stored.add('networks', record);
  }

  removeNetwork(id: string): Promise<void> {
    return this.#stored.remove('networks', id);
  }

  pools(): readonly PoolRecord[] {
    return this.#stored.pools.list();
  }

  findPool(id: string): PoolRecord | undefined {
    return this.#stored.pools.get(id);
  }

  /**
   * Adds or replaces the record. @throws PluginError STATE_UNWRITABLE. Then nothing has changed.
   */
  addPool(record: PoolRecord): Promise<void> {
    return this.#stored.add('pools', record);
  }

  removePool(id: string): Promise<void> {
    return this.#stored.remove('pools', id);
  }

  endpoints(): readonly EndpointRecord[] {
    return this.#views.endpoints.list();
  }

  findEndpoint(id: string): EndpointRecord | undefined {
    return this.#views.endpoints.get(id);
  }

  /** Returns the endpoint whose link has this end in the host. */
  findEndpointOn(hostEnd: string): EndpointRecord | undefined {
    return this.#views.endpointsByHostEnd.find(hostEnd)[0];
  }

  endpointsWithMac(mac: Mac): readonly EndpointRecord[] {
    return this.#views.byMac.find(mac).flatMap(({ id }) => this.findEndpointOf(id) ?? []);
  }

  /** Returns the endpoint that has the lease. */
  findEndpointOf(leaseId: string): EndpointRecord | undefined {
    const { holder } = this.findLease(leaseId) ?? {};
    return holder?.is === 'endpoint' ? this.findEndpoint(holder.id) : undefined;
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

  /** All present holders of a lease: endpoints and addresses. */
  holders(): readonly LeaseHolder[] {
    return this.#views.holders();
  }

  leases(): readonly LeaseRecord[] {
    return this.#stored.leases.list();
  }

  findLease(id: string): LeaseRecord | undefined {
    return this.#stored.leases.get(id);
  }

  /** The host's own lease on a network. */
  findHostLease(networkId: string): HostRecord | undefined {
    const record = this.findLease(hostLeaseId(networkId));
    return record !== undefined && isOfHost(record) ? record : undefined;
  }

  removeHostLease(networkId: string): Promise<void> {
    return this.#stored.remove('leases', hostLeaseId(networkId));
  }

  // These four give a lease to another holder, whoever has it now. @throws PluginError
  // STATE_UNWRITABLE. Then nothing has changed.

  addEndpoint(record: EndpointRecord): Promise<void> {
    return this.#give(leaseOfEndpoint(record));
  }

  addHostLease(record: HostRecord): Promise<void> {
    return this.#give(record);
  }

  addAddress(record: AddressRecord): Promise<void> {
    return this.#give(leaseOfAddress(record));
  }

  /** @param awaited Docker has not released the address yet. */
  hold(record: HeldRecord, awaited?: AwaitedRelease): Promise<void> {
    return this.#give(leaseOfHeld(record), awaited);
  }

  /**
   * Restores the record of before its holder changed. If `before` is undefined, there was none.
   * @throws PluginError STATE_UNWRITABLE. It is restored in memory all the same.
   */
  async putBack(id: string, before: LeaseRecord | undefined): Promise<void> {
    const now = this.findLease(id);
    if (before === undefined) return this.#stored.remove('leases', id);
    if (now?.holder === before.holder) return;
    const { awaited } = now ?? before; // a release may have come since
    await this.#stored.settle('leases', id, { ...before, awaited });
  }

  /**
   * Replaces the record of a known endpoint, whether or not it can be written. A failed write is
   * tried again with the next change of any record. An unknown endpoint is left alone.
   * @returns why it could not be written. Undefined if it was written, or if the failure was
   * reported before.
   */
  async keepEndpoint(record: EndpointRecord): Promise<unknown> {
    if (this.findEndpoint(record.id)?.leaseId !== record.leaseId) return undefined;
    return this.#stored.keep('leases', this.#stillAwaited(leaseOfEndpoint(record)));
  }

  // These two work like `keepEndpoint`.

  async keepAddress(record: AddressRecord): Promise<unknown> {
    if (this.findAddress(record.id) === undefined) return undefined;
    return this.#stored.keep('leases', this.#stillAwaited(leaseOfAddress(record)));
  }

  keepHostLease(record: HostRecord): Promise<unknown> {
    return this.#stored.keep('leases', record);
  }

  /**
   * Ends the lease of the endpoint. It is no error if the endpoint has given its lease away.
   * @param awaited Docker has not released the address yet.
   */
  async removeEndpoint(id: string, awaited?: AwaitedRelease): Promise<void> {
    const leaseId = this.findEndpoint(id)?.leaseId;
    if (leaseId !== undefined) await this.#endLease(leaseId, awaited);
  }

  async removeAddress(id: string): Promise<void> {
    // If the lease is unknown, it is being written.
    if ((this.findLease(id)?.holder.is ?? 'address') === 'address') await this.#endLease(id);
  }

  async removeHeld(id: string): Promise<void> {
    if (this.findHeld(id) !== undefined) await this.#endLease(id);
  }

  /**
   * Docker has released the address of an endpoint that is gone, or will never do so.
   * @returns false if there is none of these.
   */
  async forgetAwaited(id: string, which: (awaited: AwaitedRelease) => boolean): Promise<boolean> {
    await this.#stored.added('leases', id); // the record may be changing hands
    const record = this.findLease(id);
    const gone = record?.awaited?.find(which);
    if (record === undefined || gone === undefined) return false;
    const left = record.awaited?.filter((one) => one !== gone);
    const awaited = left?.length === 0 ? undefined : left;
    const isOver =
      awaited === undefined && record.lease === undefined && record.holder.is === 'nobody';
    await this.#stored.settle('leases', id, isOver ? undefined : { ...record, awaited });
    return true;
  }

  /** Returns a network of ours, or a pool of another driver's network. */
  findScope(id: string): LeaseScope | undefined {
    const network = this.findNetwork(id);
    if (network !== undefined) return scopeOfNetwork(network);
    const pool = this.findPool(id);
    return pool && scopeOfPool(pool);
  }

  /**
   * Removes the record of a lease that is over. It stays while Docker still has to release the
   * address.
   * @throws PluginError STATE_UNWRITABLE if neither can be done. It is over all the same.
   */
  async #endLease(id: string, more?: AwaitedRelease): Promise<void> {
    const record = this.findLease(id);
    const awaited = this.#awaitedOf(id, more);
    const last = awaited.at(-1);
    // Docker releases no address of a network that is gone.
    const scope = record && this.findScope(record.scopeId);
    if (record === undefined || last === undefined || scope === undefined) {
      return this.#stored.remove('leases', id);
    }
    const holder = { is: 'nobody', since: last.since, why: 'ended' } as const;
    const over = { ...record, lease: undefined, lost: undefined, awaited, holder };
    try {
      await this.#stored.settle('leases', id, over);
    } catch {
      // Better no file than one in which somebody has the lease. A full disk removes files.
      await this.#stored.removeFile('leases', id);
    }
  }

  #give(record: LeaseRecord, more?: AwaitedRelease): Promise<void> {
    return this.#stored.add('leases', this.#stillAwaited(record, more));
  }

  /**
   * Keeps `awaited` when the holder changes: Docker still has to release the addresses of this
   * lease.
   */
  #stillAwaited(record: LeaseRecord, more?: AwaitedRelease): LeaseRecord {
    const awaited = this.#awaitedOf(record.id, more);
    return awaited.length === 0 ? record : { ...record, awaited };
  }

  #awaitedOf(id: string, more: AwaitedRelease | undefined): readonly AwaitedRelease[] {
    const known = this.findLease(id)?.awaited ?? [];
    return more === undefined || known.includes(more) ? known : [...known, more];
  }
}
