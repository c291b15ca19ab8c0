/**
 * Rules of nftables for the mesh (U15, pure): its members reach each other's tunnel addresses, and
 * what a Swarm needs of the hub. For frames of VLANs nothing changes: the binding rule comes before
 * these rules.
 */
import { VXLAN_PORT } from '../../uplink/desired.ts';
import { MANAGE_PORT } from '../../uplink/protocol/manage-protocol.ts';
import type { HubMember } from '../desired.ts';

/** Docker's Swarm: managers, gossip of nodes, overlay networks. */
const SWARM_TCP = [2377, 7946];
const SWARM_UDP = [7946, 4789];
/** Encrypted overlay networks. */
const ESP = 50;

/** What members of the mesh may send to the hub itself, on its address in the tunnel. */
export function meshInput(address: string, members: readonly HubMember[]): readonly string[] {
  const mesh = addressesOf(members);
  if (mesh === undefined) return [];
  const from = `ip saddr ${mesh} ip daddr ${address}`;
  return [
    `${from} ct state established,related counter name mesh accept`,
    `${from} tcp dport { ${SWARM_TCP.join(', ')} } counter name mesh accept`,
    `${from} udp dport { ${SWARM_UDP.join(', ')} } counter name mesh accept`,
    `${from} ip protocol ${ESP} counter name mesh accept`,
    `${from} icmp type echo-request counter name mesh accept`,
  ];
}

/** What the hub passes on. Frames and management go between a member and the hub only. */
export function meshForwarding(device: string, members: readonly HubMember[]): readonly string[] {
  const mesh = addressesOf(members);
  if (mesh === undefined) return [];
  const between = `iifname "${device}" oifname "${device}"`;
  return [
    `${between} udp dport ${VXLAN_PORT} counter name between drop`,
    `${between} tcp dport ${MANAGE_PORT} counter name between drop`,
    `${between} ip saddr ${mesh} ip daddr ${mesh} counter name mesh accept`,
  ];
}

/** A set of nftables. Undefined if nobody is in the mesh. */
function addressesOf(members: readonly HubMember[]): string | undefined {
  const mesh = members.filter((one) => one.mesh).map((one) => one.address);
  return mesh.length === 0 ? undefined : `{ ${mesh.join(', ')} }`;
}
