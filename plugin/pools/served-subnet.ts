/**
 * Finds the subnet of a new pool for which none was given: the subnet that the DHCP servers of its
 * segment serve, if Docker accepts it.
 */
import type { Clock } from '../clock.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { LeaseTerms } from '../vocabulary/lease.ts';
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import type { NearbyVlans } from '../leasing/segment/nearby-vlans.ts';
import type { Logger } from '../logger.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import { macToBytes, type Ipv4 } from '../wire/address.ts';
import { formatSubnet, subnetOf, subnetsOverlap, type Subnet } from '../wire/subnet.ts';
import type { Host } from '../host.ts';
import type { NetworkOptions } from '../options/options.ts';
import { contextOf } from '../state/pool-records.ts';
import { requireWithin, type PoolWish } from './pool-request.ts';
import { siteOf } from '../state/lease-scope.ts';
import { segmentOf } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';

/**
 * Servers that ping an address before they offer it need 3 s (dnsmasq). A person waits for the
 * answer.
 */
const ASKED_FOR: Ms = 6_000;
/**
 * The time from our answer to the next request. libnetwork's loop needs a millisecond. A script
 * needs at least the time of a `docker` command.
 */
const LOOPS_WITHIN: Ms = 50;
const LONGEST_LOOP = 5;

export interface ServedSubnetDeps {
  readonly registry: Registry;
  readonly host: Pick<Host, 'withSegmentLink' | 'realName' | 'readHostSubnets' | 'linkMac'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Sends DISCOVER without a REQUEST. */
  readonly askSubnet: (
    subject: LeaseSubject,
    link: string,
    limits: { by: Instant; signal: AbortSignal },
  ) => Promise<LeaseTerms>;
  /** Asks other VLANs while this one is silent. */
  readonly nearby: Pick<NearbyVlans, 'watch'>;
}

export interface ServedSubnetContext extends ServedSubnetDeps {
  readonly loop: AskingLoop;
}

interface Served {
  readonly subnet: Subnet;
  readonly router: Ipv4 | undefined;
}

/**
 * The subnet that the DHCP servers of the pool's segment serve.
 * @throws PluginError NO_OFFER, POOL_CONFLICT, INVALID_OPTION, and the errors of the link.
 */
export async function servedSubnet(
  deps: ServedSubnetContext,
  wish: PoolWish,
  signal: AbortSignal,
): Promise<Served> {
  const { options, range } = wish;
  if (options === undefined) throw new Error('a pool without subnet has a parent');
  const answered = deps.loop.enter(segmentOf(options));
  const served = await askWire(deps, options, signal);
  if (range !== undefined) requireWithin(range, served.subnet);
  await refuseOverlap(deps, served.subnet);
  answered(served.subnet);
  return served;
}

/**
 * Detects libnetwork's endless loop by its speed. We cannot see everything that an engine compares
 * a pool with.
 */
export class AskingLoop {
  readonly #clock: Clock;
  /** The key is the segment. Bounded by the segments for which pools were requested. */
  readonly #last = new Map<string, { readonly answeredAt: Instant; readonly length: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A pool is requested. @returns a function to call when the request is answered. @throws
   * PluginError POOL_CONFLICT.
   */
  enter(segment: string): (subnet: Subnet) => void {
    const last = this.#last.get(segment);
    const isAgain = last !== undefined && this.#clock.now() - last.answeredAt < LOOPS_WITHIN;
    const length = isAgain ? last.length + 1 : 1;
    return (subnet) => {
      this.#last.set(segment, { answeredAt: this.#clock.now(), length });
      if (length <= LONGEST_LOOP) return;
      const text = formatSubnet(subnet);
      throw new PluginError(
        'POOL_CONFLICT',
        `Docker asks for the subnet ${text} again and again: it overlaps a route of the host; if that is no mistake, say so with --subnet ${text}`,
      );
    };
  }
}

/**
 * Asks the servers. If none answers now, an earlier answer for another pool on the segment is used.
 */
async function askWire(
  { host, clock, registry, log, askSubnet, nearby }: ServedSubnetDeps,
  options: NetworkOptions,
  signal: AbortSignal,
): Promise<Served> {
  const { parent, vlan } = options;
  const by = clock.now() + Math.min(ASKED_FOR, options.leaseTimeoutMs);
  const watch = nearby.watch(options, by);
  try {
    const terms = await host.withSegmentLink({ parent, vlan }, (link) => {
      const subject = asker(options, host.linkMac(link));
      return askSubnet(subject, link, { by, signal });
    });
    return { subnet: subnetOf(terms.address, terms.prefixLength), router: terms.gateway };
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    if (error.code === 'PARENT_LINK_MISSING') throw explainParent(error, options);
    if (error.code !== 'NO_OFFER') throw error;
    const before = registry
      .pools()
      .filter((pool) => pool.options && segmentOf(pool.options) === segmentOf(options))
      .find(({ gateway }) => gateway.from === 'server');
    if (before !== undefined) {
      log.warn(
        { ...contextOf(before), err: error },
        'no server answers; the subnet of an earlier answer is used',
      );
      return { subnet: before.subnet, router: before.gateway.address };
    }
    const { evidence } = error;
    const message = `${error.message}, tagged if it is a VLAN; to make the network without asking a server add --subnet`;
    throw watch.explain(new PluginError('NO_OFFER', message, { cause: error, evidence }));
  } finally {
    watch.end();
  }
}

/**
 * Docker's own drivers take the VLAN's link after `-o parent=`, and make it. We take the trunk's
 * link.
 */
function explainParent(error: PluginError, { parent, vlan }: NetworkOptions): PluginError {
  const [, trunk, id] = /^(.+)\.([1-9]\d{0,3})$/.exec(parent) ?? [];
  if (vlan !== undefined || trunk === undefined || id === undefined) return error;
  return new PluginError(
    error.code,
    `${error.message}; for VLAN ${id} of ${trunk} say --ipam-opt parent=${trunk} --ipam-opt vlan=${id}`,
    { cause: error, evidence: error.evidence },
  );
}

/**
 * libnetwork up to 26 asks for another pool, without end, while this one overlaps a route or a name
 * server of the host. It does not do so if --subnet was given.
 */
async function refuseOverlap({ host }: ServedSubnetDeps, subnet: Subnet): Promise<void> {
  const taken = await host.readHostSubnets();
  const other = taken.find(({ destination, prefixLength }) =>
    subnetsOverlap(subnet, subnetOf(destination, prefixLength)),
  );
  if (other === undefined) return;
  const text = formatSubnet(subnet);
  throw new PluginError(
    'POOL_CONFLICT',
    `the subnet ${text} of this VLAN overlaps ${other.what} of the host, which Docker would take for a mistake; if it is none, say so with --subnet ${text}`,
  );
}

/** The host itself asks, with the link's own MAC, so no switch learns a new MAC. */
function asker(options: NetworkOptions, mac: ReturnType<Host['linkMac']>): LeaseSubject {
  const segment = segmentOf(options);
  if (mac === undefined) {
    throw new PluginError('PARENT_LINK_UNUSABLE', `the link of ${segment} is not Ethernet`);
  }
  return {
    key: 'subnet',
    identity: {
      mac,
      clientId: Uint8Array.of(1, ...macToBytes(mac)),
      hostName: undefined,
      requestedAddress: undefined,
    },
    mtu: 1500,
    segment,
    acd: 'off',
    allowedServers: options.dhcpServers,
    rapidCommit: false,
    site: siteOf(options),
    lenientServerId: options.serverId === 'lenient',
  };
}
