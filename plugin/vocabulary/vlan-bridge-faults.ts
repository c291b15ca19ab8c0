/**
 * What is wrong with an operator's bridge that is to filter VLANs, and what mends it: one sentence
 * for a network that cannot be made, for the log and for the status.
 */

export function notFiltering(bridge: string): string {
  return `bridge ${bridge} does not filter VLANs any more; let it filter again with: ip link set ${bridge} type bridge vlan_filtering 1`;
}

export function notItsPort(link: string, bridge: string): string {
  return `${link} is not a port of bridge ${bridge}; make it one with: ip link set ${link} master ${bridge}`;
}

/** A VLAN link on a port gets the frames of its VLAN before the bridge of that port does. */
export function takesFirst(thief: string, port: string, vlan: number, bridge: string): string {
  return `link ${thief} takes the frames of VLAN ${vlan} of ${port} before bridge ${bridge} can; remove it with: ip link del ${thief}`;
}
