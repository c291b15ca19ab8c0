/**
 * Makes one endpoint: veth, lease and record, in this order. If a step fails, all of it is undone.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { GuardedIpv6 } from '../leasing/ipv6/guarded-ipv6.ts';
import { firstIpv6 } from './first-ipv6.ts';
import { usableMtu } from './sandbox-changes.ts';
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { Logger } from '../logger.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Mac } from '../wire/address.ts';
import type { Addresses } from '../leases/addresses.ts';
import { macNotChosen, sharedIdentity } from '../leases/address-identity.ts';
import { lostBefore } from '../leases/adoption.ts';
import { atContainerEnd } from './endpoint-places.ts';
import { chooseMac, linkEnds, macClientId } from '../options/endpoint-identity.ts';
import type { Host } from '../host.ts';
import { attachmentOf } from '../state/attachments/attachments.ts';
import { ownEnd } from '../vocabulary/attachment.ts';
import { ipv6IdentityOf, scopeOfNetwork } from '../state/lease-scope.ts';
import { refuseLateWishes, refuseOtherFamily } from '../options/endpoint-fit.ts';
import { parseEndpointOptions, type EndpointOptions } from '../options/endpoint-options.ts';
import { restoreLease, storeLease, termsOf, type NetworkRecord } from '../state/records.ts';
import { rulesBeforeJoin } from '../networks/port-guard.ts';
import type { Registry } from '../state/registry.ts';
import { takeIpv6, takeLease, type LeaseTaken, type TakeLeaseDeps } from '../leases/take-lease.ts';
import { UndoList } from '../undo.ts';
import { addressShown, NO_IPV6 } from '../state/stored-ipv6.ts';
import {
  endpointContext,
  type AddressRecord,
  type EndpointRecord,
} from '../state/lease-records.ts';

export interface CreateEndpointRequest {
  readonly networkId: string;
  readonly endpointId: string;
  readonly interface: {
    readonly address: string;
    readonly addressIpv6: string;
    readonly macAddress: string;
  };
  /** The MAC if a person chose it. `interface.macAddress` may be one that libnetwork made up. */
  readonly userMac: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
}

export interface EndpointSetupDeps extends TakeLeaseDeps {
  readonly leases: TakeLeaseDeps['leases'] & {
    place(key: string, place: SocketPlace): void;
    leaseOf(key: string): Lease | undefined;
    ipv6(key: string): GuardedIpv6 | undefined;
  };
  readonly addresses: Pick<Addresses, 'adopt'>;
  readonly registry: Registry;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
}

interface MakeLimits {
  /** The end of the wait for a lease. */
  readonly by: Instant;
  readonly signal: AbortSignal;
  /** @throws PluginError if another container has the MAC. */
  readonly takeMac: (mac: Mac) => Promise<void>;
  /** Called with the id of the lease, before the lease can change. */
  readonly asking: (leaseId: string) => void;
}

/** @returns the record, already stored. @throws PluginError. Then nothing is left behind. */
export async function makeEndpoint(
  deps: EndpointSetupDeps,
  network: NetworkRecord,
  request: CreateEndpointRequest,
  limits: MakeLimits,
): Promise<EndpointRecord> {
  if (network.bounds === undefined) {
    refuseGivenAddress(request);
    const draft = draftEndpoint(network, request, deps, undefined);
    if (draft.isMacShared !== true) await limits.takeMac(draft.mac);
    return build(deps, network, draft, limits, (undo) =>
      (network.options.ipv4 ? takeLease : takeIpv6)(
        deps,
        scopeOfNetwork(network),
        { ...draft, id: draft.leaseId },
        atContainerEnd(draft, network, false),
        limits,
        undo,
      ),
    );
  }
  // Our IPAM has leased an address for the endpoint before.
  return deps.addresses.adopt(network, request.interface, (leased) => {
    const draft = draftEndpoint(network, request, deps, leased);
    const take = () => adopted(deps, network, draft, leased);
    return build(deps, network, draft, limits, take, leased);
  });
}

/** @param take gets the lease once the link exists. */
async function build(
  deps: EndpointSetupDeps,
  network: NetworkRecord,
  draft: EndpointDraft,
  { by, signal }: MakeLimits,
  take: (undo: UndoList) => Promise<LeaseTaken> | LeaseTaken,
  leased?: AddressRecord,
): Promise<EndpointRecord> {
  const { host, registry, clock, log } = deps;
  const connection = attachmentOf(network).connection(network, rulesBeforeJoin(network, draft));
  const undo = new UndoList();
  try {
    const warnings = await host.ensureEndpointLink({ ...draft, connection });
    // Added only now: a link that could not be taken belongs to somebody else.
    undo.add(() => host.removeEndpointLink(ownEnd(draft)));
    for (const warning of warnings) log.warn({ link: ownEnd(draft) }, warning);
    const { id: leaseId, lease, settle } = await take(undo);
    const mtu = usableMtu(lease?.mtu, network.mtu);
    // IPv6 alone has been waited for.
    const waitBy = network.options.ipv4 ? by : clock.now();
    const first = await firstIpv6(deps, { ...draft, leaseId }, { ...network, mtu }, waitBy, leased);
    const ipv6 = first && { ...draft.ipv6, ...first };
    if (mtu !== network.mtu) await host.setEndpointMtu({ ...draft, mtu });
    const record = { ...draft, leaseId, mtu, ipv6, ...leaseFields(lease, draft, clock) };
    const before = registry.findLease(leaseId);
    undo.add(() => registry.putBack(leaseId, before));
    await registry.addEndpoint(record);
    registry.requireNetwork(network.id); // it may have been removed while we waited for the lease
    if (signal.aborted) throw new PluginError('CANCELLED', 'dockerd waits no longer');
    settle();
    return record;
  } catch (error) {
    throw await undo.run(error);
  }
}

/** The client of the address goes on, but uses the endpoint's link. */
function adopted(
  { leases, clock }: EndpointSetupDeps,
  network: NetworkRecord,
  draft: EndpointDraft,
  leased: AddressRecord,
): LeaseTaken {
  const { id, lease, address } = leased;
  // Changes of the lease are stored after this work.
  if (leases.leaseOf(id)?.address !== address) throw lostBefore(leased);
  leases.place(id, atContainerEnd(draft, network, false));
  return { id, lease: lease && restoreLease(lease, clock), settle: () => {} };
}

const NO_TERMS = { answered: undefined, configured: undefined };

function leaseFields(
  lease: Lease | undefined,
  { family }: Pick<EndpointRecord, 'family'>,
  clock: Clock,
): Pick<EndpointRecord, 'lease' | 'lost' | 'terms'> {
  if (family === 6) return { lease, lost: undefined, terms: NO_TERMS };
  if (lease === undefined) {
    const lost = { at: clock.wall(), cause: 'no-server', isAddressKept: false } as const;
    return { lease, lost, terms: NO_TERMS };
  }
  const terms = termsOf(lease);
  const lost = undefined;
  return { lease: storeLease(lease, clock), lost, terms: { answered: terms, configured: terms } };
}

/** An endpoint whose lease is not known yet. */
type EndpointDraft = Omit<EndpointRecord, 'lease' | 'lost' | 'terms'>;

function draftEndpoint(
  network: NetworkRecord,
  request: CreateEndpointRequest,
  { clock, registry, host }: Pick<EndpointSetupDeps, 'clock' | 'registry' | 'host'>,
  leased: AddressRecord | undefined,
): EndpointDraft {
  const options = parseEndpointOptions(request.options);
  const { mode } = network.options;
  refuseOwnGuard(options, network);
  refuseOtherFamily(options, network.options);
  if (leased !== undefined) refuseLateWishes(options, leased);
  const given = request.interface.macAddress;
  const identity = leased ?? identityOf(network, given, options, host);
  const { mac, clientId, isMacShared } = identity;
  const macGiven = given !== '';
  return {
    id: request.endpointId,
    leaseId: leased?.id ?? newLeaseId(request.endpointId, registry),
    networkId: network.id,
    mode,
    ...linkEnds(request.endpointId, mode),
    mac,
    isMacShared,
    macGiven,
    addressGiven: leased !== undefined,
    // With our IPAM Docker gives every container a MAC, chosen or random.
    isStable:
      leased === undefined
        ? macGiven || options.id !== undefined
        : leased.isStable || request.userMac !== undefined,
    clientId,
    hostName: options.hostName,
    requestedAddress: leased?.requestedAddress ?? options.address,
    guard: options.guard,
    ...familiesOf(mac, options, network.options),
    mtu: network.mtu,
    createdAt: clock.wall(),
    sandboxKey: undefined,
  };
}

/** What the lease's record says of the families before anything is leased. */
function familiesOf(
  mac: Mac,
  { token, address6 }: EndpointOptions,
  { ipv4, ipv6 }: NetworkRecord['options'],
): Pick<EndpointRecord, 'family' | 'ipv6'> {
  const isChosen = token !== undefined || address6 !== undefined;
  const wish = isChosen ? { token, address: address6 } : undefined;
  const identity = ipv6IdentityOf(mac);
  const none = ipv6 === undefined ? undefined : { ...NO_IPV6, identity, wish };
  return { family: ipv4 ? 4 : 6, ipv6: none };
}

/** @throws PluginError INVALID_OPTION for a guard where there is no port to keep it. */
function refuseOwnGuard({ guard }: EndpointOptions, network: NetworkRecord): void {
  const { mode, guard: ofNetwork } = network.options;
  if (guard === undefined || guard === ofNetwork) return;
  if (attachmentOf(network).bridgeOfPorts(network) !== undefined) return;
  throw new PluginError(
    'INVALID_OPTION',
    `driver-opt guard=${guard} is for a port of a bridge, and with mode=${mode} a container has none; leave it out, or take mode=bridge`,
  );
}

/** @throws PluginError INVALID_OPTION, PARENT_LINK_UNUSABLE. */
function identityOf(
  network: NetworkRecord,
  given: string,
  options: EndpointOptions,
  host: Pick<Host, 'linkMac'>,
): Pick<EndpointRecord, 'mac' | 'clientId' | 'isMacShared'> {
  const attachment = attachmentOf(network);
  if (attachment.isMacShared) {
    if (given !== '') throw macNotChosen(given);
    return sharedIdentity(attachment.speaker(network), network.options, options.id, host);
  }
  const mac = chooseMac(given, options);
  return { mac, clientId: macClientId(mac), isMacShared: undefined };
}

/**
 * Returns an id for a new lease. The id of the endpoint may still be in use by an earlier lease
 * that now has another holder.
 */
function newLeaseId(endpointId: string, registry: Registry): string {
  const isFree = registry.findLease(endpointId) === undefined;
  return isFree ? endpointId : randomBytes(8).toString('hex');
}

function refuseGivenAddress({ interface: { address, addressIpv6 } }: CreateEndpointRequest): void {
  if (address === '' && addressIpv6 === '') return;
  throw new PluginError(
    'UNSUPPORTED',
    `Docker chose ${address || addressIpv6}, but addresses come from the VLAN's DHCP server; create the network with --ipam-driver null and ask with driver-opt ip=ADDRESS`,
  );
}

export function tellCreated(log: Logger, record: EndpointRecord, segment: string, took: Ms): void {
  const { lease, ipv6, family } = record;
  const fields = { ...endpointContext(record), segment, address: lease?.address };
  const isEmpty = addressShown(record) === undefined;
  const acquired = family === 6 ? 'IPv6 address acquired' : 'lease acquired';
  log.info(
    {
      ...fields,
      ...(ipv6 === undefined ? {} : { ipv6: ipv6.address?.address ?? 'none yet' }),
      server: lease?.serverId,
      ms: Math.round(took),
    },
    isEmpty
      ? `endpoint created without an address: no ${family === 6 ? 'router or ' : ''}server answers yet`
      : `endpoint created, ${acquired}`,
  );
}
