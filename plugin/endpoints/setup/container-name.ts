/** The name of a container that Docker's API tells after the start. */
import type { KeyedLock } from '../../keyed-lock.ts';
import type { EndpointRecord } from '../../state/lease-records.ts';
import type { Registry } from '../../state/registry.ts';
import { hostNameFrom } from '../../vocabulary/dhcp/host-name.ts';

export interface ContainerNameDeps {
  readonly registry: Pick<Registry, 'findEndpoint'>;
  readonly leases: { rename(key: string, name: string): void };
  readonly lock: KeyedLock;
  readonly remember: (record: EndpointRecord) => Promise<void>;
}

/** Stores the name. A server is told it at once, unless a person typed a host name. */
export function nameContainer(
  { registry, leases, lock, remember }: ContainerNameDeps,
  endpointId: string,
  containerName: string,
): Promise<void> {
  return lock.run(endpointId, async () => {
    const record = registry.findEndpoint(endpointId);
    if (record === undefined || record.containerName === containerName) return;
    const learnt = record.containerName && hostNameFrom(record.containerName);
    const isTyped = record.isHostNameTyped === true || record.hostName !== learnt;
    const hostName = isTyped ? record.hostName : hostNameFrom(containerName);
    await remember({ ...record, containerName, hostName });
    if (!isTyped) leases.rename(record.leaseId, containerName);
  });
}
