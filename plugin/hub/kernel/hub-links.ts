/**
 * The links of the hub: `vdhub` (WireGuard), and for each member `vdu<N>` (VXLAN) with a VLAN link
 * for each of its VLANs, which is a port of that VLAN's bridge. Other tags have nowhere to go (U7).
 * The kernel is read, and only what differs is changed (U5).
 */
import { commandEvidence, runCommand } from '../../net/command.ts';
import { ipBatch } from '../../net/ip.ts';
import { linuxHost } from '../../net/host.ts';
import { memberMark } from '../../net/links/link-names.ts';
import { VXLAN_PORT } from '../../uplink/desired.ts';
import {
  addressLines,
  dropLastRoute,
  networkOf,
  readLinks,
  removeLinks,
  vxlanText,
  type SeenLink,
} from '../../uplink/kernel/tunnel-state.ts';
import { dump, ensureWgLink, sync } from '../../uplink/kernel/wireguard.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { HubDesired, HubLinks, HubMember } from '../desired.ts';
import { GUARD_TABLE, guardStamp, nftRemoval, nftText, portOf } from './guards.ts';

type Links = ReadonlyMap<string, SeenLink>;

const OWN_PORT = /^vdu\d{1,3}$/;
const OWN_VLAN = /^vdu\d{1,3}\.\d{1,4}$/;

export const hubLinks: HubLinks = {
  async ensureTunnel(desired) {
    const { device, privateKey, listenPort, address, prefixLength, members, guests } = desired;
    let links = await readLinks();
    if (links.get(device)?.kind !== 'wireguard') {
      await ensureWgLink(device);
      links = await readLinks();
    }
    await ensureGuards(desired); // before the first peer
    const peers = [...members, ...guests].map(({ publicKey, address: of }) => ({
      publicKey,
      allowedIps: [`${of}/32`],
    }));
    await sync(device, { privateKey, listenPort, peers });
    const network = networkOf(address, prefixLength);
    await ipBatch(addressLines(links.get(device), device, `${address}/${prefixLength}`, network));
  },

  async ensure(desired) {
    await hubLinks.ensureTunnel(desired);
    const links = await readLinks();
    const isStale = staleOf(desired);
    const stale = [...links.values()].filter(isStale);
    await removeLinks(stale.map(({ name }) => name));
    const wanted = new Set(desired.members.flatMap(({ vlans }) => vlans));
    for (const vlan of [...wanted].sort((a, b) => a - b)) {
      await linuxHost.ensureNetworkLinks(bridgeSpec(desired.trunk, vlan));
    }
    const present: Links = new Map([...links].filter(([, link]) => !isStale(link)));
    await ipBatch(desired.members.flatMap((member) => portLines(present, desired, member)));
    const left = new Set(
      stale.flatMap(({ vlan, master }) =>
        vlan === undefined || master === undefined ? [] : [vlan],
      ),
    );
    for (const vlan of left) if (!wanted.has(vlan)) await removeIfUnused(desired.trunk, vlan);
  },

  async remove(device) {
    const links = await readLinks();
    const own = [...links.keys()].filter((name) => OWN_VLAN.test(name) || OWN_PORT.test(name));
    await removeLinks([...own, ...(links.has(device) ? [device] : [])]);
    await runCommand('nft', ['-f', '-'], { input: nftRemoval() });
    for (const address of links.get(device)?.addresses ?? []) {
      const [host = '', length = '24'] = address.split('/');
      await dropLastRoute(networkOf(host, Number(length)));
    }
  },

  async peers(device) {
    const present = await dump(device);
    return new Map(
      (present?.peers ?? []).map(({ publicKey, endpoint, handshakeAt, rxBytes, txBytes }) => [
        publicKey,
        { endpoint, handshakeAt, rxBytes, txBytes },
      ]),
    );
  },
};

async function ensureGuards(desired: HubDesired): Promise<void> {
  const stamp = guardStamp(desired);
  try {
    await runCommand('nft', ['list', 'chain', 'inet', GUARD_TABLE, stamp]);
    return;
  } catch (error) {
    if (commandEvidence(error)?.missing === true) {
      throw new PluginError(
        'IP_COMMAND_FAILED',
        'the program nft is not installed; install the package nftables',
        { cause: error },
      );
    }
  }
  await runCommand('nft', ['-f', '-'], { input: nftText(desired) });
}

/** True for links of ours that are not desired, or not as they are. */
function staleOf({ address, members }: HubDesired): (link: SeenLink) => boolean {
  const byPort = new Map(members.map((member) => [portOf(member.number), member]));
  return ({ name, vxlan, vlan, lower }) => {
    if (OWN_PORT.test(name)) {
      const member = byPort.get(name);
      return (
        member === undefined || member.vlans.length === 0 || vxlan !== tunnelOf(address, member)
      );
    }
    if (!OWN_VLAN.test(name)) return false;
    const member = byPort.get(lower ?? '');
    return member === undefined || vlan === undefined || !member.vlans.includes(vlan);
  };
}

function tunnelOf(local: string, { vni, address: remote }: HubMember): string {
  return vxlanText({ vni, local, remote, port: VXLAN_PORT });
}

function portLines(links: Links, { address, mtu }: HubDesired, member: HubMember): string[] {
  if (member.vlans.length === 0) return [];
  const port = portOf(member.number);
  const mark = memberMark(member.name);
  const present = links.get(port);
  return [
    ...(present === undefined
      ? [
          `link add name ${port} mtu ${mtu + VLAN_TAG} type ${tunnelOf(address, member)}`,
          `link set dev ${port} addrgenmode none arp off alias "${mark}"`,
        ]
      : []),
    ...(present?.isUp === true ? [] : [`link set dev ${port} up`]),
    ...member.vlans.flatMap((vlan) => {
      const name = `${port}.${vlan}`;
      const link = present === undefined ? undefined : links.get(name);
      const bridge = bridgeOf(vlan);
      return [
        ...(link === undefined
          ? [
              `link add link ${port} name ${name} mtu ${mtu} type vlan id ${vlan}`,
              `link set dev ${name} addrgenmode none arp off alias "${mark}"`,
            ]
          : []),
        ...(link?.master === bridge ? [] : [`link set dev ${name} master ${bridge}`]),
        ...(link?.master === bridge && link.isIsolated
          ? []
          : [`link set dev ${name} type bridge_slave isolated on`]),
        ...(link?.isUp === true ? [] : [`link set dev ${name} up`]),
      ];
    }),
  ];
}

/** A frame of 1500 bytes with its tag. */
const VLAN_TAG = 4;

function bridgeOf(vlan: number): string {
  return `br${vlan}`;
}

function bridgeSpec(parent: string, vlan: number) {
  return { mode: 'bridge', parent, vlan, bridge: bridgeOf(vlan), mtu: undefined } as const;
}

/**
 * Removes a bridge that no member uses any more, unless somebody has a port there. A network of the
 * plugin without containers makes its bridge again (D13).
 */
async function removeIfUnused(parent: string, vlan: number): Promise<void> {
  const bridge = bridgeOf(vlan);
  const ports = [...(await readLinks()).values()].filter(({ master }) => master === bridge);
  const uplink = ports.find((port) => port.vlan === vlan && port.lower === parent);
  if (uplink === undefined || ports.length > 1) return;
  const links = { parent, vlan, bridge, vlanLink: uplink.name, uplinkPort: false };
  await linuxHost.removeNetworkLinks(links);
}
