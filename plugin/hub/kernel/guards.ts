/**
 * The rules of nftables at the hub (pure). The kernel hands a frame of a VXLAN to the link with
 * that number, whoever sent it. So the rules bind each number to the address of one member in the
 * tunnel (the binding rule), and a member cannot speak as another one (§4 of the security model).
 *
 * Table `inet`: what comes out of the tunnel, and what may go into it. Table `bridge`: what members
 * may send into a VLAN (U13), and the size of TCP segments (U8). Each rule has a named counter.
 */
import { REGISTRAR_PORT, VXLAN_PORT } from '../../uplink/desired.ts';
import type { NftTable } from '../../uplink/kernel/nft-tables.ts';
import { wholeRules } from '../../uplink/path/path-rules.ts';
import { MANAGE_PORT } from '../../uplink/protocol/manage-protocol.ts';
import type { HubDesired, HubMember } from '../desired.ts';
import { clampChains, clampJumps } from './clamps.ts';
import { meshForwarding, meshInput } from './mesh-rules.ts';

const PRIORITY = -10;
const BRIDGE_PRIORITY = -200;

/** Headers of IPv6 that, behind a fragment header, can push the ports into a later fragment. */
const HIDING = [0, 43, 44, 51, 60];
/** Frames to everybody, a second, of each member. */
const BROADCASTS = 1000;

export function hubTables(desired: HubDesired): readonly NftTable[] {
  const [inet, bridge] = hubTableNames(desired.device);
  return [
    { ...inet, body: inetBody(desired) },
    { ...bridge, body: bridgeBody(desired) },
  ];
}

export function hubTableNames(device: string) {
  const name = `vlandhcp_${device}`;
  return [
    { family: 'inet', name },
    { family: 'bridge', name },
  ] as const;
}

/** The beginning of the names of the hub's links to a member: `vdu2`, `vdu2.500`. */
export function portName({ number }: Pick<HubMember, 'number'>): string {
  return `vdu${number}`;
}

function inetBody({ device, address, listenPort, members, guests }: HubDesired): string {
  const tunnel = `"${device}"`;
  const bound = members.filter(({ vlans }) => vlans.length > 0);
  const speakers = [...members, ...guests].map((one) => one.address);
  const managed = members.filter((one) => one.manage !== undefined).map((one) => one.address);
  const vnis = bound.map(({ vni }) => vni);
  const counters = [
    'binding',
    'outside',
    'registrar',
    'managed',
    'refused',
    'between',
    'mesh',
    'routed',
    'pieces',
  ];
  return text([
    ...[...counters, ...bound.map(frames)].map((name) => `counter ${name} {}`),
    ...bound.flatMap((member) => [
      `chain ${frames(member)} {`,
      `@th,96,24 ${member.vni} counter name ${frames(member)} accept`,
      '}',
    ]),
    'chain vxlan {',
    ...(bound.length === 0
      ? []
      : [
          `iifname ${tunnel} ip daddr ${address} ip saddr vmap { ${bound
            .map((member) => `${member.address} : jump ${frames(member)}`)
            .join(', ')} }`,
        ]),
    `iifname ${tunnel} counter name binding drop`,
    ...(bound.length === 0 ? [] : [`@th,96,24 { ${vnis.join(', ')} } counter name outside drop`]),
    '}',
    'chain tunnel {',
    ...(speakers.length === 0
      ? []
      : ['tcp', 'udp'].map(
          (protocol) =>
            `ip saddr { ${speakers.join(', ')} } ip daddr ${address} ${protocol} dport ${REGISTRAR_PORT} counter name registrar accept`,
        )),
    // Answers of Docker alone: a member opens no connection from that port.
    ...(managed.length === 0
      ? []
      : [
          `ip saddr { ${managed.join(', ')} } ip daddr ${address} tcp sport ${MANAGE_PORT} ct state established counter name managed accept`,
        ]),
    ...meshInput(address, members),
    'counter name refused drop',
    '}',
    'chain input {',
    `type filter hook input priority ${PRIORITY}; policy accept;`,
    `udp dport ${VXLAN_PORT} jump vxlan`,
    `iifname ${tunnel} jump tunnel`,
    `iifname != { ${tunnel}, "lo" } ip daddr ${address} counter name outside drop`,
    '}',
    'chain forward {',
    `type filter hook forward priority ${PRIORITY}; policy accept;`,
    ...meshForwarding(device, members),
    `iifname ${tunnel} oifname ${tunnel} counter name between drop`,
    `iifname ${tunnel} counter name routed drop`,
    `oifname ${tunnel} counter name routed drop`,
    '}',
    ...wholeRules(`udp dport ${listenPort}`),
  ]);
}

/** Also the name of the counter of a member's frames. */
function frames({ number }: HubMember): string {
  return `frames_${number}`;
}

/**
 * A receiver takes off a tag without a VLAN and goes on, so tags would hide what is behind them.
 * Later fragments pass: nobody can use them without the first one.
 */
function bridgeBody({ members }: HubDesired): string {
  const ports = members.filter(({ vlans }) => vlans.length > 0);
  const broadcasts = ports.map(({ number }) => `broadcast_${number}`);
  const counters = [
    'bpdu',
    'cisco',
    'tagged',
    'hidden',
    'dhcp_server',
    'dhcp6_server',
    'router_advert',
  ];
  return text([
    ...[...counters, ...broadcasts].map((name) => `counter ${name} {}`),
    ...clampChains(ports),
    // Each limit in a chain of its own: it does not begin anew when another member comes or goes.
    ...ports.flatMap(({ number }) => [
      `chain broadcast_${number} {`,
      `limit rate over ${BROADCASTS}/second burst ${BROADCASTS} packets counter name broadcast_${number} drop`,
      '}',
    ]),
    'chain from_member {',
    'ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 counter name bpdu drop',
    'ether daddr { 01:00:0c:cc:cc:cc, 01:00:0c:cc:cc:cd } counter name cisco drop',
    'ether type { 0x8100, 0x88a8 } counter name tagged drop',
    `ether type ip6 frag nexthdr { ${HIDING.join(', ')} } counter name hidden drop`,
    'ether type ip udp sport 67 counter name dhcp_server drop',
    'ether type ip udp dport 68 counter name dhcp_server drop',
    'ether type ip6 udp sport 547 counter name dhcp6_server drop',
    'ether type ip6 udp dport 546 counter name dhcp6_server drop',
    'ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } counter name router_advert drop',
    ...(ports.length === 0
      ? []
      : [
          `ether daddr ff:ff:ff:ff:ff:ff iifname vmap { ${ports
            .flatMap(({ number, vlans }) =>
              vlans.map((vlan) => `"${portName({ number })}.${vlan}" : jump broadcast_${number}`),
            )
            .join(', ')} }`,
        ]),
    ...clampJumps('iifname', ports, portName),
    '}',
    'chain prerouting {',
    `type filter hook prerouting priority ${BRIDGE_PRIORITY}; policy accept;`,
    'iifname "vdu*" jump from_member',
    '}',
    'chain postrouting {',
    `type filter hook postrouting priority ${BRIDGE_PRIORITY}; policy accept;`,
    ...clampJumps('oifname', ports, portName),
    '}',
  ]);
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
