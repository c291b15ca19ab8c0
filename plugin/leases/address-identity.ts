/**
 * Who a container is on the wire when its address is leased by our IPAM driver, which is told no more than a MAC
 * and, by engines from 29, the container's name.
 */
import { createHash, randomBytes } from 'node:crypto';
import { PluginError } from '../vocabulary/errors.ts';
import type { Mac } from '../wire/address.ts';
import { macClientId, randomMac, requireMac } from '../options/endpoint-identity.ts';
import type { LeaseScope } from '../state/lease-scope.ts';
import { macFromId } from '../options/options.ts';

export interface AddressIdentity {
  readonly mac: Mac;
  /** Option 61 in hex, type octet included. */
  readonly clientId: string;
  /** The same container will be known by the same client-id when it starts again. */
  readonly isStable: boolean;
  /** `mac` is the parent link's: the container wears another, or none of its own. */
  readonly isMacShared: boolean;
}

export interface IdentityFacts {
  readonly macAddress: string | undefined;
  readonly name: string | undefined;
  readonly scope: LeaseScope;
  /** The network is ours, so that it can be told which MAC to use. */
  readonly isOurs: boolean;
  /** MAC of the link that speaks for containers, and of the trunk, which tells hosts apart. */
  readonly linkMac: Mac | undefined;
  readonly parentMac: Mac | undefined;
}

/** RFC 2132 §9.14: type 0 is for what is no hardware address. */
const NAMED = '00';
const LONGEST_NAME = 100;
/** `web.1.<task id>`, and for a global service `web.<node id>.<task id>`: the next task has another id. */
const SWARM_TASK = /\.[a-z0-9]+\.[a-z0-9]{25}$/;

/** @throws PluginError INVALID_OPTION for a MAC that no host can wear, PARENT_LINK_UNUSABLE. */
export function addressIdentity(facts: IdentityFacts): AddressIdentity {
  const { macAddress, isOurs, linkMac } = facts;
  const named = namedClientId(facts);
  if (macAddress !== undefined) {
    const mac = requireMac(macAddress);
    return {
      ...{ mac, clientId: named ?? macClientId(mac) },
      ...{ isStable: named !== undefined, isMacShared: false },
    };
  }
  if (isOurs) {
    const mac = named === undefined ? randomMac() : macFromId(named);
    const clientId = named ?? macClientId(mac);
    return { mac, clientId, isStable: named !== undefined, isMacShared: false };
  }
  if (linkMac === undefined) {
    throw new PluginError(
      'PARENT_LINK_UNUSABLE',
      `link ${facts.scope.link} of ${facts.scope.segment} has no Ethernet address to lease with; bring it back (ip link show ${facts.scope.link}), then start the container again`,
    );
  }
  // One MAC for many containers: the client-id alone tells them apart.
  const clientId = named ?? `${NAMED}${randomBytes(16).toString('hex')}`;
  return { mac: linkMac, clientId, isStable: named !== undefined, isMacShared: true };
}

/**
 * `NAME@<MAC of the parent link>` with `/<vlan>`: the same after `docker rm` and `docker run`, another one on another
 * host, and something that a person can write into a reservation.
 */
function namedClientId({ name, scope, parentMac }: IdentityFacts): string | undefined {
  if (name === undefined || parentMac === undefined || SWARM_TASK.test(name)) return undefined;
  const { vlan } = scope.options;
  const short =
    name.length <= LONGEST_NAME ? name : createHash('sha256').update(name).digest('hex');
  const text = `${short}@${parentMac}${vlan === undefined ? '' : `/${vlan}`}`;
  return `${NAMED}${Buffer.from(text).toString('hex')}`;
}
