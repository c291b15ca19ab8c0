/**
 * The leases of this host by their holder: endpoints, addresses and held leases. Each view has the
 * form that its users need. A view is made from the lease's record alone, whenever the record
 * changes.
 *
 * The indexes are there so that no call of Docker looks through all leases. Lists are for what
 * happens rarely.
 */
import {
  addressOf,
  endpointOf,
  heldOf,
  holderOf,
  isOfAddress,
  isOfEndpoint,
  type AddressRecord,
  type EndpointRecord,
  type HeldRecord,
  type LeaseHolder,
  type LeaseRecord,
} from './lease-records.ts';
import { RecordIndex, RecordList } from './record-list.ts';

/** Finds leases without looking through all of them. */
export type LeaseIndexes = {
  readonly [Index in 'byMac' | 'byClientId' | 'byAddress' | 'awaitedByScope']: Pick<
    RecordIndex<LeaseRecord>,
    'find'
  >;
};

export class LeaseViews implements LeaseIndexes {
  readonly endpoints = new RecordList<EndpointRecord>();
  readonly endpointsByHostEnd = new RecordIndex<EndpointRecord>(({ hostEnd }) => hostEnd);
  readonly addresses = new RecordList<AddressRecord>();
  readonly held = new RecordList<HeldRecord>();
  readonly byMac = new RecordIndex<LeaseRecord>(({ mac }) => mac);
  readonly byClientId = new RecordIndex<LeaseRecord>(({ clientId }) => clientId);
  readonly byAddress = new RecordIndex<LeaseRecord>(({ lease }) => lease?.address);
  /** By the network or pool. Docker still has to release addresses of these leases. */
  readonly awaitedByScope = new RecordIndex<LeaseRecord>(({ scopeId, awaited }) =>
    awaited === undefined ? undefined : scopeId,
  );
  /** All leases as they are in the indexes. */
  readonly #indexed = new Map<string, LeaseRecord>();
  /** For each lease: the endpoint that has it. Its size is limited by the number of endpoints. */
  readonly #endpointIds = new Map<string, string>();
  #holders: readonly LeaseHolder[] | undefined;

  /** @param record undefined if the lease is removed. */
  changed(leaseId: string, record: LeaseRecord | undefined): void {
    const endpointId = this.#endpointIds.get(leaseId);
    const now = record !== undefined && isOfEndpoint(record) ? endpointOf(record) : undefined;
    const before = endpointId === undefined ? undefined : this.endpoints.get(endpointId);
    this.endpointsByHostEnd.changed(before, now);
    if (endpointId !== undefined && endpointId !== now?.id) {
      this.endpoints.delete(endpointId);
      this.#endpointIds.delete(leaseId);
    }
    if (now !== undefined) {
      this.endpoints.set(now.id, now);
      this.#endpointIds.set(leaseId, now.id);
    }
    const address = record !== undefined && isOfAddress(record) ? addressOf(record) : undefined;
    if (address === undefined) this.addresses.delete(leaseId);
    else this.addresses.set(leaseId, address);
    const held = record && heldOf(record);
    if (held === undefined) this.held.delete(leaseId);
    else this.held.set(leaseId, held);
    this.#holders = undefined;
    this.#index(leaseId, record);
  }

  #index(leaseId: string, record: LeaseRecord | undefined): void {
    const before = this.#indexed.get(leaseId);
    for (const index of [this.byMac, this.byClientId, this.byAddress, this.awaitedByScope]) {
      index.changed(before, record);
    }
    if (record === undefined) this.#indexed.delete(leaseId);
    else this.#indexed.set(leaseId, record);
  }

  /** All present holders of a lease: endpoints and addresses. */
  holders(): readonly LeaseHolder[] {
    this.#holders ??= [...this.endpoints.list().map(holderOf), ...this.addresses.list()];
    return this.#holders;
  }
}
