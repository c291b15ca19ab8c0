/**
 * A point-to-point VXLAN in the tunnel: the trunk of a member, or the hub's link to it. It lies on
 * no link, so it stays when a link of `wireguard-go` is made anew. A route
 * and rules of nftables see to it that its frames never leave or come by another link.
 */
import { createHash } from 'node:crypto';

import { ipBatch, ipJson } from '../../net/ip.ts';
import { protectLinks } from '../../net/guard/protection.ts';
import { makeLink, removeLink } from '../../net/links/link-changes.ts';
import { decodeLinks, type Link } from '../../net/links/link-info.ts';
import { UndoList } from '../../undo.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { macFromBytes } from '../../wire/address.ts';
import { VXLAN_PORT } from '../desired.ts';

export interface VxlanSpec {
  readonly name: string;
  readonly vni: number;
  readonly local: string;
  readonly remote: string;
  readonly mtu: number;
  readonly mark: string;
}

/** All VXLAN links of this host. `port` and `ends` are undefined if the kernel did not say. */
export interface VxlanLink extends Link {
  readonly port: number | undefined;
  /** VNI and both ends in the tunnel. */
  readonly ends: string;
}

export async function readVxlans(): Promise<readonly VxlanLink[]> {
  const entries = await ipJson(['-d', 'link', 'show', 'type', 'vxlan']);
  return decodeLinks(entries).map((link, index) => {
    const data = (entries[index] as { linkinfo?: { info_data?: Record<string, unknown> } }).linkinfo
      ?.info_data;
    const port = data?.['port'];
    return {
      ...link,
      port: typeof port === 'number' ? port : undefined,
      ends: endsOf({ vni: data?.['id'], local: data?.['local'], remote: data?.['remote'] }),
    };
  });
}

function endsOf({ vni, local, remote }: Record<'vni' | 'local' | 'remote', unknown>): string {
  return `${String(vni)} ${String(local)} ${String(remote)}`;
}

/**
 * Makes the link, or makes it equal. With another VNI or address it is made anew.
 * @param known all VXLAN links as they are now.
 * @param isOurs says by the alias whether a link is one of the caller's kind.
 * @returns true if it was made.
 * @throws PluginError LINK_CONFLICT, IP_COMMAND_FAILED.
 */
export async function ensureVxlan(
  spec: VxlanSpec,
  known: readonly VxlanLink[],
  isOurs: (alias: string | undefined) => boolean,
): Promise<boolean> {
  const { name, mtu, mark } = spec;
  const link = known.find((one) => one.name === name);
  if (link !== undefined && !isOurs(link.alias)) {
    throw new PluginError(
      'LINK_CONFLICT',
      `link ${name} exists and is a vxlan of somebody else; rename or remove it`,
    );
  }
  const stranger = known.find(({ alias, port }) => port === VXLAN_PORT && !isMarkedVxlan(alias));
  if (stranger !== undefined) {
    throw new PluginError(
      'LINK_CONFLICT',
      `${name} needs UDP port ${VXLAN_PORT}, which link ${stranger.name} has, and frames of one could come out of the other; give ${stranger.name} another port`,
    );
  }
  if (link !== undefined && link.ends === endsOf(spec)) {
    await ipBatch([
      ...(link.alias === mark ? [] : [`link set dev ${name} alias "${mark}"`]),
      ...(link.mtu === mtu ? [] : [`link set dev ${name} mtu ${mtu}`]),
      ...(link.isUp ? [] : [`link set dev ${name} up`]),
    ]);
    return false;
  }
  if (link !== undefined) await removeLink(name);
  const undo = new UndoList();
  try {
    await makeLink(
      { name, add: `link add name ${name} address ${macOf(spec)}`, ...words(spec) },
      undo,
    );
    await protectLinks([{ link: name, as: 'outer' }]);
    await ipBatch([`link set dev ${name} up`]);
    return true;
  } catch (error) {
    throw await undo.run(error);
  }
}

/** Without a UDP checksum (RFC 7348 §5): WireGuard authenticates every byte. */
function words({ vni, local, remote, mtu, mark }: VxlanSpec) {
  const ends = `id ${vni} local ${local} remote ${remote} dstport ${VXLAN_PORT}`;
  return { kind: `vxlan ${ends} nolearning noudpcsum`, mark, mtu, set: `mtu ${mtu}` };
}

function isMarkedVxlan(alias: string | undefined): boolean {
  return alias?.startsWith('vlandhcp ') === true;
}

/** The same link has the same MAC after a reboot: links on it take their MACs from it. */
function macOf(spec: VxlanSpec): string {
  const digest = createHash('sha256')
    .update(`${spec.name} ${endsOf(spec)}`)
    .digest();
  return macFromBytes(Uint8Array.of(0x02, ...digest.subarray(0, 5)));
}
