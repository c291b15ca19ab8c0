/** The links of a member: `wg-uplink0`, and on top of it the trunk `uplink0` (U1, U8, U9, U10). */
import { ipBatch, isAlreadyGone } from '../../net/ip.ts';
import { removeLink } from '../../net/links/link-changes.ts';
import { watchTableGone } from '../../net/firewall/firewall-changes.ts';
import { watchLinks } from '../../net/netlink/link-events.ts';
import { findLink } from '../../net/netlink/rtnetlink.ts';
import { isLinkName, LINK_NAME_RULE } from '../../vocabulary/link-name.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { formatUplinkAlias, parseUplinkAlias } from '../../vocabulary/uplink/uplink-alias.ts';
import type { MemberDesired, MemberLinks, Trunk } from '../desired.ts';
import { formatVlans } from '../vlan-list.ts';
import { tunnelNetwork } from '../tunnel-subnet.ts';
import { memberTable, memberTableName, tunnelName } from './member-guards.ts';
import { ensureTables, removeTables } from './nft-tables.ts';
import { readTunnel, readVxlans } from './tunnel-table.ts';
import { ensureVxlan } from './vxlan-link.ts';
import { ensureNetworkMtu, underlayLimit } from './path-routes.ts';
import { addPeerAnew, ensureWireguard, readWireguard, removeWireguard } from './wireguard.ts';

/** Seconds. NATs keep an entry for UDP for 30 s and more. */
const KEEPALIVE = 25;

export const memberLinks: MemberLinks = {
  async ensure(desired) {
    const { device, trunk, address, prefixLength, privateKey, pathMtu } = desired;
    const name = tunnelName(device);
    if (!isLinkName(name)) {
      throw new PluginError(
        'INVALID_OPTION',
        `"${device}" with "wg-" before it is not ${LINK_NAME_RULE}; choose another name with --dev`,
      );
    }
    await ensureTables([memberTable(desired)]); // first, so that no frame is unguarded
    await ensureWireguard({
      ...{ name, address, prefixLength, privateKey },
      ...{ listenPort: undefined, peers: [hubOf(desired)], pathMtu },
    });
    if (trunk === undefined) return removeTrunk(device);
    await ensureTrunk(desired, trunk);
  },

  async revive(desired) {
    await addPeerAnew(tunnelName(desired.device), hubOf(desired));
  },

  async setCarrier(device, up) {
    const link = await findLink(device);
    const said = parseUplinkAlias(link?.alias);
    if (said === undefined) return;
    await changeCarrier(device, formatUplinkAlias({ ...said, downSince: sinceWhen(said, up) }), up);
  },

  async remove(device) {
    await removeTrunk(device);
    await removeWireguard(tunnelName(device));
    // Last, so that no frame is unguarded.
    await removeTables([memberTableName(device)]);
  },

  watchGone(device, onGone) {
    const names = [device, tunnelName(device)];
    const links = watchLinks({
      onLink: ({ name }, isGone) => {
        if (isGone && names.includes(name)) onGone();
      },
      onFilterGone: () => undefined,
      onLost: onGone,
    });
    try {
      const guards = watchTableGone(memberTableName(device).name, onGone);
      return {
        close() {
          links.close();
          guards.close();
        },
      };
    } catch (error) {
      links.close();
      throw error;
    }
  },

  async status(device) {
    const name = tunnelName(device);
    const link = await readTunnel(name);
    if (link === undefined) return undefined;
    const { listenPort, peers } = await readWireguard(name);
    const [hub] = peers;
    return {
      listenPort,
      handshakeAt: hub?.handshakeAt,
      endpoint: hub?.endpoint,
      rxBytes: hub?.rxBytes ?? 0,
      txBytes: hub?.txBytes ?? 0,
      kind: link.kind === 'wireguard' ? 'kernel' : 'wireguard-go',
    };
  },
};

function hubOf({ hub, prefixLength, mesh }: MemberDesired) {
  const { publicKey, endpoint, address } = hub;
  // What comes from another member of the mesh comes by the hub.
  const from = mesh === true ? tunnelNetwork(address, prefixLength) : `${address}/32`;
  return { publicKey, endpoint, allowedIps: [from], keepalive: KEEPALIVE };
}

async function ensureTrunk({ device, address, hub }: MemberDesired, trunk: Trunk): Promise<void> {
  const { site, vlans, vni, mtu, carrier } = trunk;
  const known = await readVxlans();
  const before = known.find(({ name }) => name === device);
  const said = parseUplinkAlias(before?.alias);
  const downSince = sinceWhen(said, carrier);
  const mark = formatUplinkAlias({ site, vlans: formatVlans(vlans), downSince });
  const spec = { name: device, vni, local: address, remote: hub.address, mtu, mark };
  const isMade = await ensureVxlan(spec, known, (alias) => parseUplinkAlias(alias) !== undefined);
  const isDown = said?.downSince !== undefined;
  // A new link has its alias, and a carrier.
  if (isMade ? !carrier : isDown === carrier) await changeCarrier(device, mark, carrier);
}

/** The first moment of the silence stays. */
function sinceWhen(said: { downSince: string | undefined } | undefined, up: boolean) {
  if (up) return undefined;
  return said?.downSince ?? new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}

async function changeCarrier(device: string, alias: string, up: boolean): Promise<void> {
  try {
    await ipBatch([
      `link set dev ${device} alias "${alias}"`,
      `link set dev ${device} protodown ${up ? 'off' : 'on'}`,
    ]);
  } catch (error) {
    if (!isAlreadyGone(error)) throw error;
  }
}

/** For the probe of what passes (path/). */
export const memberPath = {
  use: (device: string, mtu: number) => ensureNetworkMtu(tunnelName(device), mtu),

  async limit(device: string): Promise<number> {
    const { peers } = await readWireguard(tunnelName(device));
    const endpoint = peers[0]?.endpoint;
    return endpoint === undefined ? Infinity : underlayLimit(endpoint);
  },
};

/** VLAN links on it go with it. */
async function removeTrunk(device: string): Promise<void> {
  const link = await findLink(device);
  if (parseUplinkAlias(link?.alias) !== undefined) await removeLink(device);
}
