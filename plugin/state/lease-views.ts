/**
 * The leases of this host by their holder: endpoints, addresses and held leases. Each view has the
 * form that its users need. A view is made from the lease's record alone, whenever the record
 * changes.
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

export class LeaseViews {
  readonly endpoints = new RecordList<EndpointRecord>();
  readonly endpointsByHostEnd = new RecordIndex<EndpointRecord>(({ hostEnd }) => hostEnd);
  readonly endpointsByMac = new RecordIndex<EndpointRecord>(({ mac }) => mac);
  readonly addresses = new RecordList<AddressRecord>();
  readonly held = new RecordList<HeldRecord>();
  /** For each lease: the endpoint that has it. Its size is limited by the number of endpoints. */
  readonly #endpointIds = new Map<string, string>();
  #holders: readonly LeaseHolder[] | undefined;

  /** @param record undefined if the lease is removed. */
  changed(leaseId: string, record: LeaseRecord | undefined): void {
    const endpointId = this.#endpointIds.get(leaseId);
    const now = record !== undefined && isOfEndpoint(record) ? endpointOf(record) : undefined;
    const before = endpointId === undefined ? undefined : this.endpoints.get(endpointId);
    this.endpointsByHostEnd.changed(before, now);
    this.endpointsByMac.changed(before, now);
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
  }

  /** All present holders of a lease: endpoints and addresses. */
  holders(): readonly LeaseHolder[] {
    this.#holders ??= [...this.endpoints.list().map(holderOf), ...this.addresses.list()];
    return this.#holders;
  }
}
