/**
 * Making one endpoint: veth, lease, record, in this order, and all of it taken back if a step fails.
 */
import type { Clock } from '../clock.ts';
import { PluginError } from '../errors.ts';
import type { Lease } from '../lease.ts';
import type { Logger } from '../logger.ts';
import type { Instant } from '../time.ts';
import { macToBytes, type Mac } from '../wire/address.ts';
import { chooseMac, linkEnds } from './endpoint-identity.ts';
import type { Host } from './host.ts';
import { scopeOfNetwork } from './lease-scope.ts';
import { parseEndpointOptions } from './options.ts';
import { storeLease, termsOf, type EndpointRecord, type NetworkRecord } from './records.ts';
import type { Registry } from './registry.ts';
import { takeLease, type TakeLeaseDeps } from './take-lease.ts';
import { UndoList } from '../undo.ts';

export interface CreateEndpointRequest {
  readonly networkId: string;
  readonly endpointId: string;
  readonly interface: {
    readonly address: string;
    readonly addressIpv6: string;
    readonly macAddress: string;
  };
  /** The MAC if a person chose it; `interface.macAddress` may be one that libnetwork made up. */
  readonly userMac: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
}

export interface EndpointSetupDeps extends TakeLeaseDeps {
  readonly registry: Registry;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * @param limits `by`: until when to wait for a lease; `takeMac` throws if the MAC is worn already.
 * @returns the record, already stored. @throws PluginError; then nothing is left behind.
 */
export async function makeEndpoint(
  deps: EndpointSetupDeps,
  network: NetworkRecord,
  request: CreateEndpointRequest,
  limits: { by: Instant; signal: AbortSignal; takeMac: (mac: Mac) => Promise<void> },
): Promise<EndpointRecord> {
  const { host, registry, clock, log } = deps;
  refuseGivenAddress(request);
  const draft = draftEndpoint(network, request, clock);
  await limits.takeMac(draft.mac);
  const { bridge } = network.options;
  const undo = new UndoList();
  try {
    const warnings = await host.ensureEndpointLink({ ...draft, bridge });
    // Not before: a link that it refuses to touch is somebody's.
    undo.add(() => host.removeEndpointLink(draft.hostEnd));
    for (const warning of warnings) log.warn({ link: draft.hostEnd }, warning);
    const { lease, settle } = await takeLease(
      deps,
      scopeOfNetwork(network),
      draft,
      { link: draft.containerEnd },
      limits,
      undo,
    );
    const mtu = usableMtu(lease?.mtu, network.mtu);
    if (mtu !== network.mtu) await host.setEndpointMtu({ ...draft, mtu });
    const record = { ...draft, mtu, ...leaseFields(lease, clock) };
    undo.add(() => registry.removeEndpoint(draft.id));
    await registry.addEndpoint(record);
    registry.requireNetwork(network.id); // it may have gone while we waited for the lease
    if (limits.signal.aborted) throw new PluginError('CANCELLED', 'dockerd waits no longer');
    await settle();
    return record;
  } catch (error) {
    throw await undo.run(error);
  }
}

function leaseFields(
  lease: Lease | undefined,
  clock: Clock,
): Pick<EndpointRecord, 'lease' | 'lost' | 'terms'> {
  if (lease === undefined) {
    const lost = { at: clock.wall(), cause: 'no-server', isAddressKept: false } as const;
    return { lease, lost, terms: { answered: undefined, configured: undefined } };
  }
  const terms = termsOf(lease);
  const lost = undefined;
  return { lease: storeLease(lease, clock), lost, terms: { answered: terms, configured: terms } };
}

/** An endpoint before anything is known of a lease. */
type EndpointDraft = Omit<EndpointRecord, 'lease' | 'lost' | 'terms'>;

function draftEndpoint(
  network: NetworkRecord,
  request: CreateEndpointRequest,
  clock: Clock,
): EndpointDraft {
  const options = parseEndpointOptions(request.options);
  const mac = chooseMac(request.interface.macAddress, options);
  const macGiven = request.interface.macAddress !== '';
  return {
    id: request.endpointId,
    networkId: network.id,
    ...linkEnds(request.endpointId),
    mac,
    macGiven,
    isStable: macGiven || options.id !== undefined,
    // Deviation: not RFC 4361's DUID. Type 1 and the MAC are what reservations were made for.
    clientId: `01${Buffer.from(macToBytes(mac)).toString('hex')}`,
    hostName: options.hostName,
    requestedAddress: options.address,
    mtu: network.mtu,
    createdAt: clock.wall(),
    sandboxKey: undefined,
  };
}

function refuseGivenAddress({ interface: { address, addressIpv6 } }: CreateEndpointRequest): void {
  if (address === '' && addressIpv6 === '') return;
  throw new PluginError(
    'UNSUPPORTED',
    `Docker chose ${address || addressIpv6}, but addresses come from the VLAN's DHCP server; create the network with --ipam-driver null and ask with driver-opt ip=ADDRESS`,
  );
}

/** RFC 2132 §5.1: an MTU below 576 is not to be believed; one above the link's cannot be used. */
export function usableMtu(offered: number | undefined, linkMtu: number): number {
  return offered !== undefined && offered >= 576 && offered < linkMtu ? offered : linkMtu;
}
