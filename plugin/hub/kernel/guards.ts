/**
 * The guards of the hub as text for `nft` (U13, §4 of the security model): what members may send,
 * into the hub and into the VLANs. Every rule that stops something has a counter with a name.
 *
 * The binding rule: Linux hands a VXLAN frame to the link with its number, whoever sent it. So
 * source address and number must belong together, or a member reaches the VLANs of another one.
 */
import { createHash } from 'node:crypto';
import { REGISTRAR_PORT, VXLAN_PORT } from '../../uplink/desired.ts';
import type { HubDesired } from '../desired.ts';

export const GUARD_TABLE = 'vlandhcp_hub';
/** What fits into one packet of WireGuard: 1420 − 54 − 40, and 20 less for IPv6 (U8). */
const MSS4 = 1326;
const MSS6 = 1306;
const BROADCASTS = '1000/second burst 100 packets';

/** Links of members: `vdu3` and, on it, `vdu3.500`. */
export function portOf(number: number): string {
  return `vdu${number}`;
}

/** The name of an empty chain that says which rules the table has. */
export function guardStamp(desired: HubDesired): string {
  return `is_${createHash('sha256').update(rulesOf(desired)).digest('hex').slice(0, 16)}`;
}

/** Replaces the tables as a whole, so that there is no moment without rules. */
export function nftText(desired: HubDesired): string {
  const families = ['inet', 'bridge', 'arp'];
  const fresh = families.map(
    (family) => `table ${family} ${GUARD_TABLE}\ndelete table ${family} ${GUARD_TABLE}`,
  );
  const stamp = `table inet ${GUARD_TABLE} {\n  chain ${guardStamp(desired)} {\n  }\n}`;
  return `${[...fresh, rulesOf(desired), stamp].join('\n')}\n`;
}

/** Removes them. A missing table is no error. */
export function nftRemoval(): string {
  return ['inet', 'bridge', 'arp']
    .map((family) => `table ${family} ${GUARD_TABLE}\ndelete table ${family} ${GUARD_TABLE}\n`)
    .join('');
}

function rulesOf({ device, address, members }: HubDesired): string {
  const ports = members.filter(({ vlans }) => vlans.length > 0);
  const bound = ports.map(
    ({ address: from, vni }) =>
      `    ip saddr ${from} udp dport ${VXLAN_PORT} @th,96,24 ${vni} accept`,
  );
  const mesh = members.filter(({ mesh: isMesh }) => isMesh).map((member) => member.address);
  const between =
    mesh.length < 2
      ? []
      : [
          `    iifname "${device}" oifname "${device}" ip saddr { ${mesh.join(', ')} } ip daddr { ${mesh.join(', ')} } accept`,
        ];
  const broadcasts = ports.map(
    ({ number }) =>
      `    iifname "${portOf(number)}.*" limit rate over ${BROADCASTS} counter name broadcasts drop`,
  );
  return `table inet ${GUARD_TABLE} {
  counter unbound { }
  counter hub_ports { }
  counter between_members { }
  counter untagged { }
  chain input {
    type filter hook input priority -150; policy accept;
    iifname "${portOf(0).slice(0, -1)}*" counter name untagged drop
    iifname "${device}" jump from_tunnel
  }
  chain from_tunnel {
${bound.map((line) => `${line}\n`).join('')}    udp dport ${VXLAN_PORT} counter name unbound drop
    ip daddr ${address} tcp dport ${REGISTRAR_PORT} accept
    ip daddr ${address} udp dport ${REGISTRAR_PORT} accept
    ct state established,related accept
    counter name hub_ports drop
  }
  chain forward {
    type filter hook forward priority -150; policy accept;
${between.map((line) => `${line}\n`).join('')}    iifname "${device}" counter name between_members drop
    oifname "${device}" counter name between_members drop
    iifname "vdu*" counter name untagged drop
  }
}
table arp ${GUARD_TABLE} {
  counter untagged { }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "vdu*" counter name untagged drop
  }
}
table bridge ${GUARD_TABLE} {
  counter bpdu { }
  counter cisco { }
  counter dhcp_server { }
  counter router_advertisement { }
  counter broadcasts { }
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifname "vdu*" jump from_member
  }
  chain from_member {
    ether daddr 01:80:c2:00:00:00-01:80:c2:00:00:0f counter name bpdu drop
    ether daddr { 01:00:0c:cc:cc:cc, 01:00:0c:cc:cc:cd } counter name cisco drop
    ether type ip udp sport 67 counter name dhcp_server drop
    ether type ip6 udp sport 547 counter name dhcp_server drop
    ether type ip6 icmpv6 type nd-router-advert counter name router_advertisement drop
    ether daddr ff:ff:ff:ff:ff:ff jump broadcast
  }
  chain broadcast {
${broadcasts.map((line) => `${line}\n`).join('')}  }
  chain forward {
    type filter hook forward priority -200; policy accept;
    iifname "vdu*" jump clamp
    oifname "vdu*" jump clamp
  }
  chain clamp {
    ether type ip tcp flags & (syn|rst) == syn tcp option maxseg size > ${MSS4} tcp option maxseg size set ${MSS4}
    ether type ip6 tcp flags & (syn|rst) == syn tcp option maxseg size > ${MSS6} tcp option maxseg size set ${MSS6}
  }
}`;
}
