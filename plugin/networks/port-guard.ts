/**
 * The rules of a container's port (D12): they follow from the options of its network, its own
 * options, and its present lease.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { PortRules } from '../vocabulary/port-rules.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Host } from '../host.ts';
import type { NetworkRecord } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';
import type { EndpointRecord } from '../state/lease-records.ts';

type Draft = Pick<EndpointRecord, 'mac' | 'guard' | 'ipv6'>;

/**
 * Until Join the lease is asked for over the port itself. Afterwards it is asked for over the
 * bridge.
 */
export function rulesBeforeJoin(network: NetworkRecord, draft: Draft): PortRules {
  return { ...rulesWith(network, draft), leases: true };
}

/** While the container changes from one address to another, it may send from both. */
export function rulesFor(network: NetworkRecord, endpoint: EndpointRecord): PortRules {
  const { lease, lost, terms, ipv6 } = endpoint;
  const rules = rulesWith(network, endpoint);
  return {
    ...rules,
    addresses: known([lease?.address, lost?.linkLocal, terms.configured?.address]),
    addresses6:
      rules.addresses6 &&
      known([
        ipv6?.address?.address,
        ipv6?.configured?.address,
        // Docker shows it, so it stays beside a lease that comes later.
        ipv6?.isGiven === true ? ipv6.answered?.address : undefined,
      ]),
  };
}

/** The rules of a port for the present state of its endpoint. */
export function rulesNow(network: NetworkRecord, endpoint: EndpointRecord): PortRules {
  return endpoint.sandboxKey === undefined && endpoint.hasLeft !== true
    ? rulesBeforeJoin(network, endpoint)
    : rulesFor(network, endpoint);
}

/** For failures that pass, such as too few descriptors while a hundred containers start. */
const TRIED_AGAIN_AFTER: Ms = 1_000;
const TRIED_AGAIN_AFTER_AT_MOST: Ms = 60_000;

/** One message to the kernel takes the rules of this many. */
const GUARDED_AT_ONCE = 64;

export interface PortGuardDeps {
  readonly registry: Pick<Registry, 'findEndpoint' | 'findNetwork' | 'endpoints'>;
  readonly host: Pick<Host, 'guardEndpoints'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Puts the rules of ports in force. A failure is logged. The container goes on, and the port is
 * tried again.
 */
export class PortGuard {
  readonly #deps: PortGuardDeps;
  /** Ids of endpoints whose port is not guarded. The next try drops those that are gone. */
  readonly #unguarded = new Set<string>();
  #wait: Ms = TRIED_AGAIN_AFTER;
  #cancelTimer: (() => void) | undefined;
  #isClosed = false;

  constructor(deps: PortGuardDeps) {
    this.#deps = deps;
  }

  /** Uses what the registry says of the endpoint now. */
  guard(endpointId: string): Promise<void> {
    return this.#guard([endpointId]);
  }

  /**
   * An address has come or gone. Where the port passes only the container's own addresses, adds the
   * new one first, and removes the old one when the container no longer has it.
   */
  async follow(network: NetworkRecord, endpoint: EndpointRecord): Promise<void> {
    if (rulesFor(network, endpoint).mode === 'full') await this.guard(endpoint.id);
  }

  /**
   * For ports that an older version made without guards, or whose filter was flushed while the
   * plugin was stopped.
   */
  async guardAll(): Promise<void> {
    const ids = this.#deps.registry.endpoints().map(({ id }) => id);
    // Rules are made right before they are put in force: a Join may have changed them meanwhile.
    for (let at = 0; at < ids.length; at += GUARDED_AT_ONCE) {
      await this.#guard(ids.slice(at, at + GUARDED_AT_ONCE));
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
  }

  async #guard(ids: readonly string[], level: 'warn' | 'debug' = 'warn'): Promise<void> {
    const { registry, host, log } = this.#deps;
    const idsByLink = new Map<string, string>();
    const ports = ids.flatMap((id) => {
      this.#unguarded.delete(id);
      const endpoint = registry.findEndpoint(id);
      const network = endpoint && registry.findNetwork(endpoint.networkId);
      const hostEnd = endpoint?.hostEnd;
      if (endpoint === undefined || network === undefined || hostEnd === undefined) return [];
      idsByLink.set(hostEnd, id);
      return [{ hostEnd, rules: rulesNow(network, endpoint) }];
    });
    const warnings = await host.guardEndpoints(ports, (hostEnd) => {
      const id = idsByLink.get(hostEnd);
      if (id !== undefined) this.#unguarded.add(id);
    });
    const [id] = ids;
    const fields = ids.length === 1 ? { endpoint: id?.slice(0, 12), link: ports[0]?.hostEnd } : {};
    for (const warning of warnings) log[level](fields, warning);
    this.#tryAgainLater();
  }

  #tryAgainLater(): void {
    if (this.#unguarded.size === 0) this.#wait = TRIED_AGAIN_AFTER;
    if (this.#unguarded.size === 0 || this.#isClosed || this.#cancelTimer !== undefined) return;
    const { clock, log } = this.#deps;
    this.#cancelTimer = clock.at(clock.now() + this.#wait, () => {
      this.#wait = Math.min(2 * this.#wait, TRIED_AGAIN_AFTER_AT_MOST);
      this.#tryAgain()
        .catch((err: unknown) => log.error({ err }, 'ports not guarded'))
        .finally(() => {
          this.#cancelTimer = undefined;
          this.#tryAgainLater();
        });
    });
  }

  /** One port after another, so that each gets the rules of that moment. */
  async #tryAgain(): Promise<void> {
    for (const id of [...this.#unguarded]) {
      if (this.#isClosed) return;
      await this.#guard([id], 'debug');
      const isThere = this.#deps.registry.findEndpoint(id) !== undefined;
      if (isThere && !this.#unguarded.has(id)) {
        this.#deps.log.info({ endpoint: id.slice(0, 12) }, 'port guarded now');
      }
    }
  }
}

function known<Address>(addresses: readonly (Address | undefined)[]): readonly Address[] {
  return [...new Set(addresses.filter((address) => address !== undefined))];
}

function rulesWith({ options }: NetworkRecord, { mac, guard, ipv6 }: Draft): PortRules {
  return {
    mode: guard ?? options.guard,
    mac,
    addresses: [],
    addresses6: options.ipv6 === undefined ? undefined : [],
    token: ipv6?.wish?.token,
    leases: false,
    noServer: options.dhcpServers.length > 0,
  };
}
