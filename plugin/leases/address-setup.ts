/**
 * Leases one address for a container of which only a MAC or a name is known. The steps are
 * identity, lease and record, in this order. If a step fails, all of it is undone.
 */
import { hostNameFrom } from '../vocabulary/dhcp/host-name.ts';
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Logger } from '../logger.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import { formatSubnet, subnetOf } from '../wire/subnet.ts';
import { addressIdentity, type AddressIdentity } from './address-identity.ts';
import type { Host } from '../host.ts';
import { attachmentOf } from '../state/attachments/attachments.ts';
import { scopeOfNetwork, type LeaseScope } from '../state/lease-scope.ts';
import type { Networks } from '../networks/networks.ts';
import type { NetworkOptions } from '../options/options.ts';
import { scopeOfPool, type PoolRecord } from '../state/pool-records.ts';
import type { MacClaims } from './mac-claims.ts';
import { requireAddress } from '../pools/pools.ts';
import { segmentOf, storeLease, type NetworkRecord } from '../state/records.ts';
import { storeMoment } from '../state/stored-lease.ts';
import type { Registry } from '../state/registry.ts';
import { LEASED_WITHIN, takeLease, type TakeLeaseDeps } from './take-lease.ts';
import { UndoList } from '../undo.ts';
import { tagsOf } from '../vocabulary/vlan-tags.ts';
import type { AddressRecord } from '../state/lease-records.ts';

export interface AddressSetupDeps extends TakeLeaseDeps {
  readonly leases: TakeLeaseDeps['leases'] & { leaseOf(key: string): Lease | undefined };
  readonly registry: Registry;
  readonly networks: Pick<Networks, 'restore'>;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
  readonly macClaims: MacClaims;
}

export interface AddressWish {
  /** The address of `--ip`. Empty if there was none. */
  readonly address: string;
  readonly macAddress: string | undefined;
  readonly name: string | undefined;
}

export interface CallLimits {
  readonly signal: AbortSignal;
  /**
   * Ends an endpoint of that MAC that no container uses. @throws PluginError if a container uses
   * it.
   */
  readonly clearTwin: (segment: string, mac: Mac) => Promise<void>;
}

interface MakeLimits extends CallLimits {
  /** Ends an address of the same identity. @throws PluginError if a container uses it. */
  readonly supersede: (record: AddressRecord, isNamed: boolean) => Promise<void>;
}

interface Ground {
  readonly scope: LeaseScope;
  readonly network: NetworkRecord | undefined;
}

/**
 * @returns the record, already stored, and the scope of the lease.
 * @throws PluginError. Then nothing is left behind.
 */
export async function makeAddress(
  deps: AddressSetupDeps,
  pool: PoolRecord,
  wish: AddressWish,
  limits: MakeLimits,
): Promise<{ record: AddressRecord; scope: LeaseScope }> {
  const { registry, clock, macClaims, leases } = deps;
  const startedAt = clock.now();
  const requestedAddress = wantedAddress(pool, wish.address);
  const ground = await findGround(deps, pool);
  const { scope, network } = ground;
  const identity = await findIdentity(deps, ground, wish, limits.supersede);
  const draft = {
    ...identity,
    id: randomBytes(8).toString('hex'),
    poolId: pool.id,
    scopeId: scope.id,
    hostName: wish.name === undefined ? undefined : hostNameFrom(wish.name),
    requestedAddress,
    mtu: network?.mtu ?? scope.options.mtu ?? 1500,
    createdAt: storeMoment(clock),
    wasSeen: false,
    lost: undefined,
    // Another driver's random MAC looks like a chosen one. So `release` decides if it is held.
    isStable: identity.isStable || (scope.isForeign && pool.given['release'] !== undefined),
  };
  const undo = new UndoList();
  try {
    if (identity.isStable) macClaims.takeClientId(draft.id, scope.segment, identity.clientId);
    if (!identity.isMacShared) {
      macClaims.take(draft.id, scope.segment, identity.mac);
      await limits.clearTwin(scope.segment, identity.mac);
    }
    refuseTaken(registry, scope, requestedAddress);
    const until = { by: startedAt + LEASED_WITHIN, signal: limits.signal };
    const { id, lease, settle } = await takeLease(deps, scope, draft, scope.place, until, undo);
    if (lease === undefined) throw new Error('a pool has no late leases');
    checkTerms(deps, pool, lease, scope);
    await learnGateway(registry, pool, lease);
    const record = { ...draft, id, address: lease.address, lease: storeLease(lease, clock) };
    const before = registry.findLease(id);
    undo.add(() => registry.putBack(id, before));
    await registry.addAddress(record);
    if (registry.findPool(pool.id) === undefined) {
      throw new PluginError('POOL_UNKNOWN', 'the network was removed while an address was leased');
    }
    if (limits.signal.aborted) throw new PluginError('CANCELLED', 'dockerd waits no longer');
    // A conflict may have come before the record was complete. Nobody has handled it yet.
    if (leases.leaseOf(id)?.address !== record.address) {
      throw new PluginError(
        'ADDRESS_IN_USE',
        `${record.address}, which was leased on ${scope.segment}, is in use by another host; start the container again, and find that host by the plugin's log`,
      );
    }
    settle();
    return { record, scope };
  } catch (error) {
    throw await undo.run(error);
  } finally {
    macClaims.made(draft.id);
  }
}

/** Checks `--ip` before any server is asked for it. @throws PluginError INVALID_OPTION. */
function wantedAddress(pool: PoolRecord, text: string): Ipv4 | undefined {
  if (text === '') return undefined;
  const address = requireAddress(pool, text, '--ip');
  const { range, reserved } = pool;
  if (range !== undefined) requireAddress({ subnet: range }, text, '--ip');
  if (reserved.includes(address)) {
    throw new PluginError('INVALID_OPTION', `--ip ${address} is reserved by --aux-address`);
  }
  if (address === pool.gateway.address && pool.gateway.from !== 'unknown') {
    throw new PluginError('INVALID_OPTION', `--ip ${address} is the gateway of this network`);
  }
  return address;
}

/**
 * Runs after leases of the same identity without a container were ended.
 * @throws PluginError ADDRESS_IN_USE.
 */
function refuseTaken(registry: Registry, { segment }: LeaseScope, address: Ipv4 | undefined): void {
  if (address === undefined) return;
  const owner = registry
    .holders()
    .filter(({ lease }) => lease?.address === address)
    .find(({ scopeId }) => registry.findScope(scopeId)?.segment === segment);
  if (owner === undefined) return;
  throw new PluginError(
    'ADDRESS_IN_USE',
    `--ip ${address} belongs to another container of this host, MAC ${owner.mac}; stop that one, or ask for another`,
  );
}

/** Finds the link and the rules for the request. @throws PluginError. */
async function findGround(deps: AddressSetupDeps, pool: PoolRecord): Promise<Ground> {
  const { registry, networks, host } = deps;
  const known = pool.networkId === undefined ? undefined : registry.findNetwork(pool.networkId);
  if (known !== undefined) {
    const network = await networks.restore(known);
    const scope = scopeOfNetwork(network);
    return { network, scope };
  }
  const { options } = pool;
  if (options === undefined) {
    throw new PluginError(
      'INVALID_OPTION',
      `where to lease addresses of ${formatSubnet(pool.subnet)} is not known; create the network again with --ipam-opt parent=LINK --ipam-opt vlan=ID (Compose passes no IPAM options: create it by command, and write external: true)`,
    );
  }
  const link = await host.findSegmentLink(options);
  if (link === undefined) {
    throw linkMissing(options);
  }
  if (link !== pool.link) await registry.addPool({ ...pool, link });
  const scope = scopeOfPool({ ...pool, link });
  if (scope === undefined) throw new Error('a pool with options has a scope');
  return { network: undefined, scope };
}

function linkMissing(options: NetworkOptions): PluginError {
  const { parent, vlan } = options;
  const name = `${parent}.${String(vlan)}`;
  const tags = tagsOf(vlan);
  const links = [parent, ...tags.slice(0, -1).map(({ id }) => `outer${id}`), name];
  const commands = tags.map(
    ({ protocol, id }, at) =>
      `ip link add link ${links[at]} name ${links[at + 1]} type vlan${protocol === '802.1Q' ? '' : ` protocol ${protocol}`} id ${id}`,
  );
  // Docker's own drivers make links of one tag.
  const forDocker =
    tags.length > 1
      ? ''
      : `create a macvlan or ipvlan network with -o parent=${name}, for a bridge `;
  return new PluginError(
    'PARENT_LINK_MISSING',
    vlan === undefined
      ? `parent link ${parent} does not exist; bring it back, or create the network again with another --ipam-opt parent=`
      : `no link carries ${segmentOf(options)}; ${forDocker}make the link: ${commands.join('; ')}`,
  );
}

/**
 * Finds the identity of the container. Ends a lease of the same identity without a container.
 * Ignores the name if another container has it now.
 * @throws PluginError INVALID_OPTION.
 */
async function findIdentity(
  { registry, host }: AddressSetupDeps,
  { scope, network }: Ground,
  { macAddress, name }: AddressWish,
  supersede: MakeLimits['supersede'],
): Promise<AddressIdentity> {
  const facts = {
    ...{
      macAddress,
      scope,
      mayChooseMac: network !== undefined && !attachmentOf(network).isMacShared,
    },
    linkMac: host.linkMac(scope.link),
    parentMac: host.linkMac(scope.options.parent),
  };
  const isHere = (one: { scopeId: string }) =>
    registry.findScope(one.scopeId)?.segment === scope.segment;
  const identity = addressIdentity({ ...facts, name });
  const sameClient = () => registry.leasesFound.byClientId.find(identity.clientId).filter(isHere);
  const [namesake] = sameClient().flatMap(({ id }) => registry.findAddress(id) ?? []);
  const isNamed = identity.isStable;
  try {
    if (namesake !== undefined) await supersede(namesake, isNamed);
  } catch (error) {
    if (!isNamed) throw error;
    return addressIdentity({ ...facts, name: undefined });
  }
  const isWorn = sameClient().some(({ holder: { is } }) => is === 'endpoint' || is === 'address');
  if (isNamed && isWorn) return addressIdentity({ ...facts, name: undefined });
  if (identity.isMacShared) return identity;
  const twin = registry.leasesFound.byMac
    .find(identity.mac)
    .flatMap(({ id }) => registry.findAddress(id) ?? [])
    .find((one) => one.isMacShared !== true && isHere(one));
  if (twin !== undefined) await supersede(twin, false);
  return identity;
}

/**
 * Stores the gateway of the first lease, if the pool's gateway was lost or guessed. Only the first
 * lease can correct a guess. A router that changes later refuses no start, because Docker keeps its
 * gateway, as in a running container.
 */
async function learnGateway(registry: Registry, { id }: PoolRecord, lease: Lease): Promise<void> {
  const known = registry.findPool(id);
  if (known === undefined || lease.gateway === undefined) return;
  const { from, address } = known.gateway;
  if (from !== 'unknown' && !(from === 'guess' && lease.gateway === address)) return;
  await registry.addPool({ ...known, gateway: { address: lease.gateway, from: 'server' } });
}

/**
 * @throws PluginError WRONG_SUBNET if Docker would configure the lease in another way than the
 * server means it.
 */
function checkTerms(
  { log }: AddressSetupDeps,
  { subnet, gateway }: PoolRecord,
  lease: Lease,
  { isForeign, segment }: LeaseScope,
): void {
  const leased = subnetOf(lease.address, lease.prefixLength);
  if (lease.prefixLength !== subnet.prefixLength) {
    throw new PluginError(
      'WRONG_SUBNET',
      `the DHCP server on ${segment} leased ${lease.address}/${lease.prefixLength}, but the network's subnet is ${formatSubnet(subnet)}; create it with --subnet ${formatSubnet(leased)}, or without --subnet`,
    );
  }
  if (lease.gateway === undefined || gateway.from === 'unknown') return;
  if (lease.gateway === gateway.address) return;
  if (isForeign && gateway.from === 'guess') {
    throw new PluginError(
      'WRONG_SUBNET',
      `the router on ${segment} is ${lease.gateway}, but Docker took the first address, ${gateway.address}; create the network again with --gateway ${lease.gateway}, or without --subnet`,
    );
  }
  log.warn(
    { segment, router: lease.gateway, shown: gateway.address, from: gateway.from },
    isForeign
      ? 'the server names another router than the one containers are given'
      : 'Docker shows another gateway than the one containers are given',
  );
}
