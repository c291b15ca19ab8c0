/**
 * IPv6 pools: the subnet of `--subnet`. Routers and DHCPv6 servers own the addresses in it. A pool
 * is not stored: its PoolID says all of it, and a network of ours keeps the subnet in its record.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Host } from '../host.ts';
import type { RouterProbe } from '../leasing/segment/router-probe.ts';
import type { Logger } from '../logger.ts';
import type { RequestPoolAnswer, RequestPoolRequest } from '../options/ipam-requests.ts';
import { parseNetworkOptions } from '../options/options.ts';
import { segmentOf } from '../state/records.ts';
import { withRealParent } from '../state/link-chain.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Segment } from '../vocabulary/vlan-tags.ts';
import {
  formatSubnet6,
  isLinkLocal,
  isMulticast,
  joinAddress,
  parseIpv6,
  parseSubnet6,
  subnet6Has,
  type Ipv6,
  type Subnet6,
} from '../wire/address6.ts';
import { formatPool6Id, type Pool6Identity } from './pool-id.ts';
import { textOptions } from './pool-request.ts';

/** An address is made of the subnet and 64 bits of the MAC (RFC 2464 §4). */
const PREFIX_LENGTH = 64;
/** A router answers within a second (RFC 4861 §6.2.6). A person waits for the answer. */
const ASKED_FOR: Ms = 2_000;

export interface Pools6Deps {
  readonly host: Pick<Host, 'withSegmentLink' | 'realName' | 'linkMac'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly askRouter: RouterProbe;
}

export class Pools6 {
  readonly #deps: Pools6Deps;

  constructor(deps: Pools6Deps) {
    this.#deps = deps;
  }

  /** @throws PluginError INVALID_OPTION, UNSUPPORTED. */
  request(request: RequestPoolRequest): RequestPoolAnswer {
    const { host, log } = this.#deps;
    const subnet = requireSubnet6(request.pool);
    if (request.subPool !== '') {
      throw new PluginError(
        'UNSUPPORTED',
        `--ip-range ${request.subPool} cannot be kept: IPv6 addresses are made of the MAC, or a DHCPv6 server chooses them; leave it out`,
      );
    }
    const options = withRealParent(request.options, host);
    // The parent may be missing here. This checks the other options.
    parseNetworkOptions({ parent: 'unknown', ipv6: 'auto', ...options }, '--ipam-opt ');
    const given = textOptions(options);
    log.info({ subnet: formatSubnet6(subnet) }, 'IPv6 pool made');
    return {
      poolId: formatPool6Id(randomBytes(8).toString('hex'), given, subnet),
      pool: formatSubnet6(subnet),
      gateway: undefined,
    };
  }

  /**
   * The router that Docker shows, and that Docker's own drivers make the default route of. Without
   * `--gateway` it is the link-local address of a router, or else the first address of the subnet.
   * @throws PluginError INVALID_OPTION, CANCELLED.
   */
  async gateway(pool: Pool6Identity, text: string, signal: AbortSignal): Promise<string> {
    const { log } = this.#deps;
    if (text !== '') return `${requireAddress6(pool, text, '--gateway')}/${PREFIX_LENGTH}`;
    const { parent, vlan, subnet } = pool;
    const guess = joinAddress(subnet.network, PREFIX_LENGTH, '::1' as Ipv6);
    // A network of ours then names the segment. Its containers take no gateway from Docker.
    if (parent === undefined) return `${guess}/${PREFIX_LENGTH}`;
    const router = await this.#router({ parent, vlan }, signal);
    if (router === undefined) {
      log.warn(
        { subnet: formatSubnet6(subnet), gateway: guess },
        "no router has advertised itself; Docker is told the subnet's first address as the gateway",
      );
    }
    return `${router ?? guess}/${PREFIX_LENGTH}`;
  }

  /** Undefined if none answers. */
  async #router(segment: Segment, signal: AbortSignal): Promise<Ipv6 | undefined> {
    const { host, clock, log, askRouter } = this.#deps;
    const by = clock.now() + ASKED_FOR;
    try {
      return await host.withSegmentLink(segment, async (link) => {
        const mac = host.linkMac(link);
        return mac && (await askRouter({ link, mac }, { by, signal }));
      });
    } catch (err) {
      if (signal.aborted) throw new PluginError('CANCELLED', 'dockerd waits no longer');
      log.warn({ segment: segmentOf(segment), err }, 'routers cannot be asked');
      return undefined;
    }
  }
}

/** @throws PluginError INVALID_OPTION. */
export function requireAddress6(
  { subnet }: Pick<Pool6Identity, 'subnet'>,
  text: string,
  flag: string,
): Ipv6 {
  const address = parseIpv6(text);
  if (address !== undefined && subnet6Has(subnet, address)) return address;
  throw new PluginError(
    'INVALID_OPTION',
    `${flag} ${text} is not an address in the subnet ${formatSubnet6(subnet)} of this network`,
  );
}

function requireSubnet6(text: string): Subnet6 {
  if (text === '') {
    throw new PluginError(
      'INVALID_OPTION',
      "--ipv6 with --ipam-driver vlandhcp needs the VLAN's prefix, such as --subnet 2001:db8:500::/64; or leave --ipv6 out and type -o ipv6=auto",
    );
  }
  const subnet = parseSubnet6(text);
  const isOfRouters = subnet && !isLinkLocal(subnet.network) && !isMulticast(subnet.network);
  if (isOfRouters && subnet.prefixLength === PREFIX_LENGTH) return subnet;
  throw new PluginError(
    'INVALID_OPTION',
    `--subnet ${JSON.stringify(text)} is not a /${PREFIX_LENGTH} of global or unique local IPv6 addresses, such as 2001:db8:500::/64`,
  );
}
