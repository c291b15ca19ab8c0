/** How the lease service is to know an endpoint, or a lease that is held for one. */
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import { segmentOf, type EndpointRecord, type NetworkRecord } from './records.ts';

export function subjectOf(
  record: Pick<EndpointRecord, 'id' | 'mac' | 'clientId' | 'hostName' | 'requestedAddress' | 'mtu'>,
  { options }: NetworkRecord,
): LeaseSubject {
  return {
    key: record.id,
    identity: {
      mac: record.mac,
      clientId: Uint8Array.from(Buffer.from(record.clientId, 'hex')),
      hostName: record.hostName,
      requestedAddress: record.requestedAddress,
    },
    mtu: record.mtu,
    segment: segmentOf(options),
    acd: options.acd,
    allowedServers: options.dhcpServers,
    rapidCommit: options.rapidCommit,
  };
}
