/**
 * Makes what is new since this process last made the kernel equal, and looks at nothing else. With
 * many members a look at all of it takes longer than a join may. What somebody else has changed is
 * found by the look at all, which the hub takes soon after a change (hub-state.ts).
 */
import { SystemCallError } from '../../net/libc.ts';
import { readLinksIf, type MarkedTableLink } from '../../net/netlink/rtnetlink.ts';
import { ensureHostMtus } from '../../uplink/kernel/path-routes.ts';
import { changePeers, type PeersChange } from '../../uplink/kernel/wireguard.ts';
import type { WireguardPeer } from '../../uplink/kernel/wireguard-text.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { isMemberMark } from '../../vocabulary/uplink/uplink-alias.ts';
import type { HubDesired, HubMember } from '../desired.ts';
import { isNarrow } from './clamps.ts';
import { ensureMember, type Failures } from './member-ports.ts';

/**
 * Changes the peers that differ.
 * @param made what the kernel was made equal to.
 * @returns false if more differs, or if the kernel is not as it was made: look at all of it.
 */
export async function changeTunnel(made: HubDesired, desired: HubDesired): Promise<boolean> {
  if (groundOf(made) !== groundOf(desired)) return false;
  const [before, after] = [mtusOf(made), mtusOf(desired)];
  const isSameWay = JSON.stringify([...before]) === JSON.stringify([...after]);
  return isDone(async () => {
    await changePeers(desired.device, peersChange(made, desired));
    if (!isSameWay) await ensureHostMtus(desired.device, after);
  });
}

export function peersOf({ members, guests }: HubDesired): readonly WireguardPeer[] {
  return [...members, ...guests].map(({ publicKey, address }) => ({
    publicKey,
    allowedIps: [`${address}/32`],
  }));
}

/** What passes to members with a narrow way, by address. */
export function mtusOf({ members }: HubDesired): ReadonlyMap<string, number> {
  return new Map(
    members.flatMap((member) => (isNarrow(member) ? [[member.address, member.pathMtu]] : [])),
  );
}

/** All but members and guests. */
function groundOf({ members: _, guests: __, ...ground }: HubDesired): string {
  return JSON.stringify(ground);
}

function peersChange(made: HubDesired, desired: HubDesired): PeersChange {
  const before = new Map(peersOf(made).map((peer) => [peer.publicKey, peer]));
  const after = peersOf(desired);
  const kept = new Set(after.map(({ publicKey }) => publicKey));
  return {
    gone: [...before.keys()].filter((key) => !kept.has(key)),
    changed: after.filter(
      ({ publicKey, allowedIps }) => before.get(publicKey)?.allowedIps.join() !== allowedIps.join(),
    ),
  };
}

/**
 * Makes the ports of members that are new.
 * @returns false as for `changeTunnel`, and if a member or a VLAN is gone or is the first one.
 */
export async function addMembers(made: HubDesired, desired: HubDesired): Promise<boolean> {
  const known = new Map(made.members.map((one) => [one.number, one]));
  const fresh = desired.members.filter(({ number }) => !known.has(number));
  const stays = desired.members.filter(({ number }) => known.has(number));
  const isOnlyMore =
    groundOf(made) === groundOf(desired) &&
    stays.length === known.size &&
    stays.every((one) => portsOf(one) === portsOf(known.get(one.number))) &&
    hasMesh(made) === hasMesh(desired);
  if (!isOnlyMore) return false;
  if (fresh.every(({ vlans }) => vlans.length === 0)) return true;
  return isDone(async () => {
    const bridges = bridgesFor(made, fresh, await readLinksIf(() => true));
    const failures: Failures = [];
    for (const member of fresh) {
      if (member.vlans.length === 0) continue;
      await ensureMember({ desired, bridges, vxlans: [], links: [] }, member, failures);
    }
    if (failures.length > 0) throw new NotAsMade();
  });
}

function portsOf(member: HubMember | undefined): string {
  return JSON.stringify(member && [member.name, member.address, member.vni, member.vlans]);
}

function hasMesh({ members }: HubDesired): boolean {
  return members.some(({ mesh }) => mesh);
}

/** Bridges that other members have already, so that the firewall knows them. @throws NotAsMade. */
function bridgesFor(
  made: HubDesired,
  fresh: readonly HubMember[],
  links: readonly MarkedTableLink[],
): ReadonlyMap<number, string> {
  // The VXLAN of somebody else may have our port.
  if (links.some(({ kind, alias }) => kind === 'vxlan' && !isMemberMark(alias))) {
    throw new NotAsMade();
  }
  const there = new Set(made.members.flatMap(({ vlans }) => vlans));
  const trunk = links.find(({ name }) => name === made.trunk)?.index;
  return new Map(
    [...new Set(fresh.flatMap(({ vlans }) => vlans))].map((id) => {
      const uplink = links.find(
        ({ lower, vlan }) => lower === trunk && vlan?.id === id && vlan.protocol === '802.1Q',
      );
      const bridge = links.find(({ index }) => index === uplink?.master);
      const isRight = bridge?.kind === 'bridge' && bridge.isUp && uplink?.isUp === true;
      if (!there.has(id) || trunk === undefined || !isRight) throw new NotAsMade();
      return [id, bridge.name];
    }),
  );
}

class NotAsMade extends Error {}

/** False if the kernel refused. Then the look at all says why. */
async function isDone(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    const isRefusal =
      error instanceof NotAsMade ||
      error instanceof SystemCallError ||
      error instanceof PluginError;
    if (!isRefusal) throw error;
    return false;
  }
}
