/** What follows from the hub's records: addresses, views, and the desired state of the kernel. */
import { createHash } from 'node:crypto';
import { TUNNEL_PREFIX } from '../uplink/desired.ts';
import type { MemberView } from '../uplink/protocol/registrar-protocol.ts';
import { publicKeyOf } from '../uplink/wireguard-key.ts';
import type { WallTime } from '../vocabulary/time.ts';
import type { HubDesired, HubGuest, HubMember } from './desired.ts';
import type { HubContents } from './hub-store.ts';
import type { HubRecord, InviteRecord, MemberRecord } from './hub-records.ts';

export const HUB_DEVICE = 'vdhub';
/**
 * The upper half of the numbers of VXLANs: others use small ones. Each hub has 256 of its own, by
 * its key, because a host that joins two sites cannot have one number twice.
 */
const FIRST_VNI = 0x80_00_00;
const BLOCK_BITS = 15;
const BLOCK = 256;
/** Of the hub's key, so that it is computed once. */
const firstVnis = new WeakMap<HubRecord, number>();
const HUB_NUMBER = 1;
const LAST_NUMBER = 254;
/** How long a used token hears who used it, and a late one that it is late. */
export const GUEST_KEPT_MS = 3_600_000;
/** No token is valid for longer. */
export const LONGEST_INVITE_MS = 86_400_000;
/**
 * How long a revoked member hears that it was revoked. It is longer than its token lives, so that a
 * second use of the token is always told from a first one.
 */
export const ENDED_KEPT_MS = LONGEST_INVITE_MS + 2 * GUEST_KEPT_MS;
/** How long a member may take to be heard with its new key (U16). */
export const NEXT_KEY_MS = 10_000;

export function addressOf({ subnet }: Pick<HubRecord, 'subnet'>, number = HUB_NUMBER): string {
  return subnet.replace(/\d+$/, String(number));
}

export function isLive({ phase }: MemberRecord): boolean {
  return phase === 'member' || phase === 'held';
}

/** Who waits for approval reaches nobody. */
export function isInMesh({ mesh, phase }: MemberRecord): boolean {
  return mesh && phase === 'member';
}

/** The smallest number that nobody has. Undefined if the tunnel network is full. */
export function freeNumber({ members, invites }: HubContents): number | undefined {
  const taken = new Set([...members, ...invites].map(({ number }) => number));
  for (let number = HUB_NUMBER + 1; number <= LAST_NUMBER; number += 1) {
    if (!taken.has(number)) return number;
  }
  return undefined;
}

export function viewOf(hub: HubRecord, member: MemberRecord): MemberView {
  const { name, number, vlans, phase, revision } = member;
  const held = phase === 'held';
  return {
    ...{ name, site: hub.site, address: addressOf(hub, number), vni: firstVniOf(hub) + number },
    ...{ vlans: held ? [] : vlans, mtu: hub.mtu, mesh: isInMesh(member), held, revision },
    client: clientNameOf(hub, member),
    ...(hub.tls && { tlsUrl: hub.tls.url }),
  };
}

/**
 * The name in the certificates of clients that may manage a member: a URI of one membership and of
 * one number. So a certificate does not open a host that has the name or the address later, and a
 * new number ends all that were made. Undefined if its Docker is not managed.
 */
export function clientNameOf(
  { site }: HubRecord,
  { name, inviteId, managed }: MemberRecord,
): string | undefined {
  if (managed?.isOn !== true) return undefined;
  return `vlandhcp://${site}/${name}/${inviteId}/${managed.clients}`;
}

function firstVniOf(hub: HubRecord): number {
  const known = firstVnis.get(hub);
  if (known !== undefined) return known;
  const digest = createHash('sha256').update(publicKeyOf(hub.privateKey)).digest();
  const first = FIRST_VNI + (digest.readUInt32BE(0) >>> (32 - BLOCK_BITS)) * BLOCK;
  firstVnis.set(hub, first);
  return first;
}

/** @param at now; it decides which guests may still speak. */
export function desiredOf(hub: HubRecord, contents: HubContents, at: WallTime): HubDesired {
  const live = contents.members.filter(isLive);
  return {
    device: HUB_DEVICE,
    privateKey: hub.privateKey,
    listenPort: hub.listenPort,
    address: addressOf(hub),
    prefixLength: TUNNEL_PREFIX,
    trunk: hub.trunk,
    mtu: hub.mtu,
    members: live.map((member): HubMember => {
      const { name, number, publicKey, nextKey, pathMtu, managed } = member;
      const { address, vni, vlans, mesh } = viewOf(hub, member);
      const peer = nextKey?.key ?? publicKey;
      const manage = managed?.isOn === true ? { port: managed.port } : undefined;
      return { name, number, publicKey: peer, address, vni, vlans, mesh, pathMtu, manage };
    }),
    guests: [
      ...contents.invites.filter((invite) => isHeard(invite, at)),
      ...contents.members.filter(({ phase }) => phase === 'revoked'),
    ].map(({ publicKey, number }): HubGuest => ({ publicKey, address: addressOf(hub, number) })),
  };
}

function isHeard({ expiresAt }: InviteRecord, at: WallTime): boolean {
  return at < expiresAt + GUEST_KEPT_MS;
}

/** When something ends by itself. Infinity if nothing does. */
export function nextEnd({ members, invites }: HubContents): WallTime {
  return Math.min(
    ...invites.map(({ expiresAt }) => expiresAt + GUEST_KEPT_MS),
    ...members.map(({ endedAt = Infinity }) => endedAt + ENDED_KEPT_MS),
    ...members.map(({ nextKey }) => (nextKey?.since ?? Infinity) + NEXT_KEY_MS),
  );
}
