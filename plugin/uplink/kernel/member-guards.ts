/**
 * The rules of nftables at a member (pure). The kernel hands a frame of a VXLAN to the link with
 * that number, whoever sent it. So frames count only if they come out of the tunnel, from the hub.
 * The hub reaches nothing else of this host or behind it, but Docker if this host is managed (U11).
 */
import { VXLAN_PORT, type MemberDesired } from '../desired.ts';
import { wholeRules } from '../path/path-rules.ts';
import { MANAGE_PORT } from '../protocol/manage-protocol.ts';
import { parseEndpoint } from '../protocol/value-schemas.ts';
import { tunnelNetwork } from '../tunnel-subnet.ts';
import type { NftTable } from './nft-tables.ts';

/** Before the rules of others. Connection tracking has run, so answers are known. */
const PRIORITY = -10;

export function memberTable(desired: MemberDesired): NftTable {
  const { device, address, hub, trunk, isManaged = false } = desired;
  const tunnel = `"${tunnelName(device)}"`;
  const port = parseEndpoint(hub.endpoint ?? '')?.port;
  const frames = trunk && `udp dport ${VXLAN_PORT} @th,96,24 ${trunk.vni}`;
  const names = ['frames', 'outside', 'managed', 'mesh', 'refused', 'routed', 'pieces'];
  const managed = `iifname ${tunnel} tcp dport ${MANAGE_PORT}`;
  const rules = [
    ...names.map((name) => `counter ${name} {}`),
    'chain input {',
    `type filter hook input priority ${PRIORITY}; policy accept;`,
    ...(frames === undefined
      ? []
      : [
          `iifname ${tunnel} ip saddr ${hub.address} ip daddr ${address} ${frames} counter name frames accept`,
          `${frames} counter name outside drop`,
        ]),
    `iifname != { ${tunnel}, "lo" } ip daddr ${address} counter name outside drop`,
    ...(isManaged
      ? [`${managed} ip saddr ${hub.address} ip daddr ${address} counter name managed accept`]
      : []),
    // Nobody else may, even if rules of others accept it.
    `${managed} counter name refused drop`,
    `iifname ${tunnel} ct state established,related accept`,
    ...meshRules(desired),
    `iifname ${tunnel} counter name refused drop`,
    '}',
    'chain forward {',
    `type filter hook forward priority ${PRIORITY}; policy accept;`,
    `iifname ${tunnel} counter name routed drop`,
    `oifname ${tunnel} counter name routed drop`,
    '}',
    ...(port === undefined ? [] : wholeRules(`udp sport ${port}`)),
  ];
  return { ...memberTableName(device), body: `${rules.join('\n')}\n` };
}

/** Who is in the mesh is up to the hub. Frames and the management of this host are for no other. */
function meshRules({ device, address, prefixLength, mesh }: MemberDesired): string[] {
  if (mesh !== true) return [];
  const from = `iifname "${tunnelName(device)}" ip saddr ${tunnelNetwork(address, prefixLength)} ip daddr ${address}`;
  return [
    `${from} udp dport ${VXLAN_PORT} counter name refused drop`,
    `${from} counter name mesh accept`,
  ];
}

export function memberTableName(device: string): Omit<NftTable, 'body'> {
  return { family: 'inet', name: `vlandhcp_${device}` };
}

/** The WireGuard link below a trunk. */
export function tunnelName(device: string): string {
  return `wg-${device}`;
}
