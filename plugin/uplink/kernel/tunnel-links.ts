/**
 * The links of a member: `wg-uplink0`, and on it `uplink0`, which is the site's trunk as if it were
 * plugged in. The kernel is read, and only what differs is changed (U5).
 */
import { ipBatch } from '../../net/ip.ts';
import {
  TUNNEL_PREFIX,
  VXLAN_PORT,
  type MemberDesired,
  type MemberLinks,
  type Trunk,
} from '../desired.ts';
import { formatVlans } from '../vlan-list.ts';
import {
  addressLines,
  dropLastRoute,
  networkOf,
  readLinks,
  removeLinks,
  vxlanText,
  type SeenLink,
} from './tunnel-state.ts';
import { dump, ensureWgLink, revive, sync, type WgPeer } from './wireguard.ts';

/** Keeps the way through NATs open. */
const KEEPALIVE_SEC = 25;
/** The plugin reads it: what it is, and which VLANs it carries (U10). */
const ALIAS = 'vlandhcp uplink';

export const memberLinks: MemberLinks = {
  async ensure(desired) {
    const { device, privateKey, address, prefixLength, hub, trunk } = desired;
    const wg = wgOf(device);
    let links = await readLinks();
    if (links.get(wg)?.kind !== 'wireguard') {
      await ensureWgLink(wg);
      links = await readLinks();
    }
    await sync(wg, { privateKey, peers: [peerOf(desired)] });
    await ipBatch(
      addressLines(
        links.get(wg),
        wg,
        `${address}/${prefixLength}`,
        networkOf(hub.address, prefixLength),
      ),
    );
    if (trunk === undefined) {
      if (links.has(device)) await removeLinks([device]);
      return;
    }
    await ensureTrunk(links.get(device), desired, trunk);
  },

  async revive(desired) {
    await revive(wgOf(desired.device), peerOf(desired));
  },

  async setCarrier(device, up) {
    if (!(await readLinks()).has(device)) return;
    await ipBatch([`link set dev ${device} protodown ${up ? 'off' : 'on'}`]);
  },

  async remove(device) {
    const links = await readLinks();
    const wg = wgOf(device);
    const present = await dump(wg);
    await removeLinks([device, wg].filter((name) => links.has(name)));
    for (const { allowedIps } of present?.peers ?? []) {
      for (const hub of allowedIps) {
        await dropLastRoute(networkOf(hub.replace('/32', ''), TUNNEL_PREFIX));
      }
    }
  },

  async status(device) {
    const [peer] = (await dump(wgOf(device)))?.peers ?? [];
    if (peer === undefined) return undefined;
    const { handshakeAt, endpoint, rxBytes, txBytes } = peer;
    return { handshakeAt, endpoint, rxBytes, txBytes, kind: 'kernel' };
  },
};

function wgOf(device: string): string {
  return `wg-${device}`;
}

function peerOf({ hub }: MemberDesired): WgPeer {
  return {
    ...{ publicKey: hub.publicKey, allowedIps: [`${hub.address}/32`] },
    ...{ endpoint: hub.endpoint, keepaliveSec: KEEPALIVE_SEC },
  };
}

async function ensureTrunk(
  present: SeenLink | undefined,
  { device, address, hub }: MemberDesired,
  { site, vni, vlans, mtu, carrier }: Trunk,
): Promise<void> {
  const kind = vxlanText({ vni, local: address, remote: hub.address, port: VXLAN_PORT });
  const alias = `${ALIAS} ${site} vlans ${formatVlans(vlans)}`;
  const isSame = present?.vxlan === kind;
  if (present !== undefined && !isSame) await removeLinks([device]);
  const link = isSame ? present : undefined;
  await ipBatch([
    ...(link === undefined
      ? [
          `link add name ${device} mtu ${mtu} type ${kind}`,
          `link set dev ${device} addrgenmode none`,
        ]
      : []),
    ...(link?.alias === alias ? [] : [`link set dev ${device} alias "${alias}"`]),
    ...(link === undefined || link.mtu === mtu ? [] : [`link set dev ${device} mtu ${mtu}`]),
    ...(link?.isUp === true ? [] : [`link set dev ${device} up`]),
    ...((link?.isDown ?? false) === !carrier
      ? []
      : [`link set dev ${device} protodown ${carrier ? 'off' : 'on'}`]),
  ]);
}
