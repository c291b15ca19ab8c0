/** The VLANs of a trunk that have a DHCP server, as lines of a table. */
import type { VlanEntry } from '../admin-client.ts';
import type { Listing } from './format.ts';

const VLAN_FIELDS = ['VLAN', 'Server', 'Offer', 'Gateway', 'RoundTrip', 'ServerMAC', 'Note'];

export function vlanListing(answers: readonly VlanEntry[]): Listing {
  const rows = answers.map((answer) => ({
    VLAN: answer.vlan === 0 ? 'none' : String(answer.vlan),
    Server: answer.server,
    Offer: answer.subnet,
    Gateway: answer.gateway ?? '',
    RoundTrip: `${answer.roundTripMs} ms`,
    ServerMAC: answer.serverMac,
    Note: noteOn(answer, answers),
  }));
  return { rows, json: answers, columns: VLAN_FIELDS, fields: VLAN_FIELDS };
}

function noteOn({ vlan, askedVlan }: VlanEntry, answers: readonly VlanEntry[]): string {
  if (askedVlan !== undefined) {
    return `answers what was asked on VLAN ${askedVlan}: the two are joined somewhere`;
  }
  const servers = answers.filter((other) => other.vlan === vlan).length;
  return servers > 1 ? `${servers} servers on this VLAN` : '';
}
