/**
 * Makes what is new since this process last made the kernel equal, and looks at nothing else. With
 * many members a look at all of it takes longer than a join may. What somebody else has changed is
 * found by the look at all, which the hub takes soon after a change (hub-state.ts).
 */
import { SystemCallError } from '../../net/libc.ts';
import { vlanLinkName } from '../../net/links/link-names.ts';
import { findLinkEntry, findMaster } from '../../net/netlink/rtnetlink.ts';
import { ensureHostMtus } from '../../uplink/kernel/path-routes.ts';
import { changePeers, type PeersChange } from '../../uplink/kernel/wireguard.ts';
import type { WireguardPeer } from '../../uplink/kernel/wireguard-text.ts';
import { PluginError } from '../../vocabulary/errors.ts';
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
    const bridges = await bridgesFor(made, fresh);
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

/**
 * Bridges that other members have already, so that the firewall knows them. Single links are asked
 * for: with many members a list of all links is long.
 * @throws NotAsMade; SystemCallError.
 */
async function bridgesFor(
  made: HubDesired,
  fresh: readonly HubMember[],
): Promise<ReadonlyMap<number, string>> {
  const there = new Set(made.members.flatMap(({ vlans }) => vlans));
  const trunk = await findLinkEntry(made.trunk);
  const bridges = new Map<number, string>();
  for (const id of new Set(fresh.flatMap(({ vlans }) => vlans))) {
    const name = vlanLinkName(made.trunk, id);
    const uplink = await findLinkEntry(name);
    const isUplink =
      trunk !== undefined &&
      uplink?.lower === trunk.index &&
      uplink.vlan?.id === id &&
      uplink.vlan.protocol === '802.1Q' &&
      uplink.isUp;
    const bridge = isUplink ? await findLinkEntry((await findMaster(name)) ?? '') : undefined;
    const isBridge = bridge?.kind === 'bridge' && bridge.isUp;
    if (!there.has(id) || !isBridge) throw new NotAsMade();
    bridges.set(id, bridge.name);
  }
  return bridges;
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
