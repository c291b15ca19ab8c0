/**
 * Makes one endpoint: veth, lease and record, in this order. If a step fails, all of it is undone.
 */
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
import { lostBefore } from '../leases/adoption.ts';
import { atContainerEnd } from './endpoint-places.ts';
import type { Host } from '../host.ts';
import { attachmentOf } from '../state/attachments/attachments.ts';
import { ownEnd } from '../vocabulary/attachment.ts';
import { scopeOfNetwork } from '../state/lease-scope.ts';
import {
  restoreLease,
  segmentOf,
  storeLease,
  termsOf,
  type NetworkRecord,
} from '../state/records.ts';
import { reasonOfSilence } from '../networks/uplink-silence.ts';
import { rulesBeforeJoin } from '../networks/port-guard.ts';
import type { Registry } from '../state/registry.ts';
import { takeIpv6, takeLease, type LeaseTaken, type TakeLeaseDeps } from '../leases/take-lease.ts';
import { UndoList } from '../undo.ts';
import { addressShown } from '../state/stored-ipv6.ts';
import {
  draftEndpoint,
  isNamed,
  type CreateEndpointRequest,
  type EndpointDraft,
} from './setup/draft.ts';
import {
  endpointContext,
  type AddressRecord,
  type EndpointRecord,
} from '../state/lease-records.ts';

export type { CreateEndpointRequest } from './setup/draft.ts';

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
  /** @throws PluginError if another container has the client-id, which is made of a name. */
  readonly takeClientId: (clientId: string) => Promise<void>;
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
    if (isNamed(network)) await limits.takeClientId(draft.clientId);
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
    const { id: leaseId, lease, identity6, settle } = await take(undo);
    const mtu = usableMtu(lease?.mtu, network.mtu);
    // IPv6 alone has been waited for.
    const waitBy = network.options.ipv4 ? by : clock.now();
    const first = await firstIpv6(deps, { ...draft, leaseId }, { ...network, mtu }, waitBy, leased);
    const known = identity6 && { identity: identity6 };
    const ipv6 = first && { ...draft.ipv6, ...first, ...known };
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

function refuseGivenAddress({ interface: { address, addressIpv6 } }: CreateEndpointRequest): void {
  if (address === '' && addressIpv6 === '') return;
  throw new PluginError(
    'UNSUPPORTED',
    `Docker chose ${address || addressIpv6}, but addresses come from the VLAN's DHCP server; create the network with --ipam-driver null and ask with driver-opt ip=ADDRESS`,
  );
}

/** Only a name from Docker or from a person says for certain which container comes back. */
const ANOTHER_ADDRESS = 'another MAC and address; driver-opt id=NAME keeps both';

export async function tellCreated(
  { log, host }: Pick<EndpointSetupDeps, 'log' | 'host'>,
  record: EndpointRecord,
  { options }: NetworkRecord,
  took: Ms,
): Promise<void> {
  const { lease, ipv6, family } = record;
  const fields = {
    ...endpointContext(record),
    ...{ segment: segmentOf(options), address: lease?.address },
  };
  const isEmpty = addressShown(record) === undefined;
  const why =
    (isEmpty ? await reasonOfSilence(host, options.parent) : undefined) ??
    `no ${family === 6 ? 'router or ' : ''}server answers yet`;
  const acquired = family === 6 ? 'IPv6 address acquired' : 'lease acquired';
  log.info(
    {
      ...fields,
      ...(ipv6 === undefined ? {} : { ipv6: ipv6.address?.address ?? 'none yet' }),
      server: lease?.serverId,
      ...(record.isStable ? {} : { onRestart: ANOTHER_ADDRESS }),
      ms: Math.round(took),
    },
    isEmpty ? `endpoint created without an address: ${why}` : `endpoint created, ${acquired}`,
  );
}
