/**
 * The identity of a container on the wire if our IPAM driver leases its address. The driver is told
 * only a MAC and, by engines from 29, the container's name.
 */
import { createHash, randomBytes } from 'node:crypto';
import { PluginError } from '../vocabulary/errors.ts';
import type { Mac } from '../wire/address.ts';
import { clientIdFrom, needsName } from '../options/site/client-id-template.ts';
import { macClientId, randomMac, requireMac } from '../options/endpoint-identity.ts';
import type { Host } from '../host.ts';
import type { NetworkOptions } from '../options/options.ts';
import { segmentOf } from '../state/records.ts';
import type { LeaseScope } from '../state/lease-scope.ts';
import { macFromId } from '../options/endpoint-options.ts';

export interface AddressIdentity {
  readonly mac: Mac;
  /** Option 61 in hex, with its type octet. */
  readonly clientId: string;
  /** True if the same container has the same client-id when it starts again. */
  readonly isStable: boolean;
  /** True if `mac` is the parent link's. The container has another MAC, or none of its own. */
  readonly isMacShared: boolean;
}

export interface IdentityFacts {
  readonly macAddress: string | undefined;
  readonly name: string | undefined;
  readonly scope: LeaseScope;
  /** True if its container can be told which MAC to use: the network is ours, and not ipvlan. */
  readonly mayChooseMac: boolean;
  /**
   * MAC of the link that sends for containers, and MAC of the trunk. The latter tells hosts apart.
   */
  readonly linkMac: Mac | undefined;
  readonly parentMac: Mac | undefined;
}

/** RFC 2132 §9.14: type 0 means that this is not a hardware address. */
const NAMED = '00';
const LONGEST_NAME = 100;
/**
 * `web.1.<task id>`, and for a global service `web.<node id>.<task id>`. The next task has another
 * id.
 */
const SWARM_TASK = /\.[a-z0-9]+\.[a-z0-9]{25}$/;

/** @throws PluginError INVALID_OPTION for a MAC that no host can have, PARENT_LINK_UNUSABLE. */
export function addressIdentity(facts: IdentityFacts): AddressIdentity {
  const { macAddress, mayChooseMac, linkMac, scope } = facts;
  const named = namedClientId(facts);
  const typed = (mac: Mac | undefined) => typedClientId(scope, facts.name, mac);
  const { clientId: template } = scope.options;
  const isNamed = named !== undefined && (template === undefined || needsName(template));
  if (macAddress !== undefined) {
    if (!scope.isForeign && !mayChooseMac) throw macNotChosen(macAddress);
    const mac = requireMac(macAddress);
    return {
      ...{ mac, clientId: typed(mac) ?? named ?? macClientId(mac) },
      ...{ isStable: isNamed, isMacShared: false },
    };
  }
  if (mayChooseMac) {
    const mac = named === undefined ? randomMac() : macFromId(named);
    const clientId = typed(mac) ?? named ?? macClientId(mac);
    return { mac, clientId, isStable: named !== undefined, isMacShared: false };
  }
  if (linkMac === undefined) throw noLinkMac(scope.link, scope.segment);
  return sharedWith(linkMac, typed(undefined) ?? named, named !== undefined);
}

/**
 * The identity of a container on an ipvlan network of ours, without our IPAM.
 * @param link the link whose MAC the container has.
 * @param name what a person called it.
 * @throws PluginError PARENT_LINK_UNUSABLE; INVALID_OPTION if `client_id` needs a name.
 */
export function sharedIdentity(
  link: string,
  network: Pick<LeaseScope, 'id' | 'options'>,
  name: string | undefined,
  host: Pick<Host, 'linkMac'>,
): AddressIdentity {
  const mac = host.linkMac(link);
  if (mac === undefined) throw noLinkMac(link, segmentOf(network.options));
  const parentMac = host.linkMac(network.options.parent);
  const typed = typedClientId(network, name, undefined);
  return sharedWith(mac, typed ?? namedClientId({ name, scope: network, parentMac }));
}

/**
 * The client-id that the network's `client_id` says. Undefined without one.
 * @throws PluginError INVALID_OPTION if it needs what is not known.
 */
function typedClientId(
  { id, options }: Pick<LeaseScope, 'id' | 'options'>,
  name: string | undefined,
  mac: Mac | undefined,
): string | undefined {
  const { clientId: template, vlan } = options;
  return template && clientIdFrom(template, { name, mac, networkId: id, vlan });
}

/** Many containers share one MAC. Only the client-id tells them apart. */
function sharedWith(
  mac: Mac,
  named: string | undefined,
  isStable = named !== undefined,
): AddressIdentity {
  const clientId = named ?? `${NAMED}${randomBytes(16).toString('hex')}`;
  return { mac, clientId, isStable, isMacShared: true };
}

function noLinkMac(link: string, segment: string): PluginError {
  return new PluginError(
    'PARENT_LINK_UNUSABLE',
    `link ${link} of ${segment} has no Ethernet address to lease with; bring it back (ip link show ${link}), then start the container again`,
  );
}

/** The refusal of a MAC for a container on an ipvlan network of ours. */
export function macNotChosen(mac: string): PluginError {
  return new PluginError(
    'INVALID_OPTION',
    `with mode=ipvlan all containers have the MAC of the host's link, so none can have ${mac}: leave out --mac-address, or take mode=macvlan; with --ipam-driver vlandhcp set IPAM_REQUIRE_MAC=false`,
  );
}

/**
 * Returns `NAME@<MAC of the parent link>` with `/<vlan>`. It stays the same after `docker rm` and
 * `docker run`. Other hosts have another one. A person can write it into a reservation.
 */
function namedClientId({
  name,
  scope,
  parentMac,
}: Pick<IdentityFacts, 'name' | 'parentMac'> & {
  readonly scope: { readonly options: Pick<NetworkOptions, 'vlan'> };
}): string | undefined {
  if (name === undefined || parentMac === undefined || SWARM_TASK.test(name)) return undefined;
  const { vlan } = scope.options;
  const short =
    name.length <= LONGEST_NAME ? name : createHash('sha256').update(name).digest('hex');
  const text = `${short}@${parentMac}${vlan === undefined ? '' : `/${vlan}`}`;
  return `${NAMED}${Buffer.from(text).toString('hex')}`;
}
