/**
 * Decides what of a lease that changes the running container gets (`on_change`). An address that
 * comes late is always given, and the MTU always follows. A lease that is lost is not a lease that
 * changes: then `on_expiry` and `on_no_server` decide.
 */
import type { Logger } from '../../logger.ts';
import { endpointContext, type EndpointRecord } from '../../state/lease-records.ts';
import type { NetworkRecord } from '../../state/records.ts';
import { isLinkLocalIpv4 } from '../../wire/address.ts';
import { sandboxChanges, type LinkConfig } from '../sandbox-changes.ts';

export interface KeptChangesDeps {
  readonly log: Logger;
  /** Restarts the container of the endpoint, if Docker's API can be asked. */
  readonly restart: (record: Pick<EndpointRecord, 'id' | 'networkId'>) => void;
}

export class KeptChanges {
  readonly #deps: KeptChangesDeps;
  /** By endpoint: the change that its container did not get, so that it is told once. */
  readonly #told = new Map<string, string>();

  constructor(deps: KeptChangesDeps) {
    this.#deps = deps;
  }

  /** @returns what the container is to have now. */
  allowed(
    record: Pick<EndpointRecord, 'id' | 'networkId' | 'lease' | 'terms'>,
    { options, internal }: Pick<NetworkRecord, 'options' | 'internal'>,
    wanted: LinkConfig,
  ): LinkConfig {
    const { log, restart } = this.#deps;
    const { id, terms } = record;
    const { configured } = terms;
    const kept = { terms: configured, mtu: wanted.mtu };
    const isOther = sandboxChanges(kept, wanted, internal).length > 0;
    // A link-local address only stands in for a lease.
    const hasLeased = configured !== undefined && !isLinkLocalIpv4(configured.address);
    const isChange = record.lease !== undefined && hasLeased && isOther;
    if (options.onChange === 'apply' || !isChange) {
      this.#told.delete(id);
      return wanted;
    }
    const change = JSON.stringify(wanted.terms ?? 'none');
    if (this.#told.get(id) !== change) {
      this.#told.set(id, change);
      const lease = wanted.terms?.address ?? 'none';
      log.warn(
        { ...endpointContext(record), address: configured.address, lease },
        `lease changed; the container is not (on_change=${options.onChange})`,
      );
      if (options.onChange === 'restart') restart(record);
    }
    return kept;
  }

  left(endpointId: string): void {
    this.#told.delete(endpointId);
  }
}
