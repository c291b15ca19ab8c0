/** Endpoints that no Join was heard of: dockerd was killed, or has forgotten them. */
import type { KeyedLock } from '../keyed-lock.ts';
import type { EndpointDeps } from './endpoint-deps.ts';
import { inHost, netnsPathOf } from './endpoint-places.ts';

/**
 * Removes the endpoint, unless a container has its link. Never throws.
 * @param remove called under the lock.
 */
export function removeUnjoined(
  deps: EndpointDeps,
  lock: KeyedLock,
  endpointId: string,
  remove: () => Promise<void>,
): void {
  const { registry, host, leases } = deps;
  const log = deps.log.child({ endpoint: endpointId.slice(0, 12) });
  const seen = registry.findEndpoint(endpointId);
  lock
    .run(endpointId, async () => {
      const record = registry.findEndpoint(endpointId);
      // It has just joined.
      if (record === undefined || record.sandboxKey !== seen?.sandboxKey) return;
      const network = registry.findNetwork(record.networkId);
      // A Join may have been missed. The link shows where it is, and one in use is not removed.
      if (host.endpointPresence(record, netnsPathOf(deps, record)) !== 'away') {
        log.warn({}, 'endpoint without a container removed');
        await remove();
      } else if (record.sandboxKey === undefined && network !== undefined) {
        log.warn({}, 'endpoint without a Join is in use by a container; its lease is kept');
        leases.place(record.leaseId, inHost(network));
      }
    })
    .catch((err: unknown) => log.error({ err }, 'endpoint not removed or not followed'));
}
