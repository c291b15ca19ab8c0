/** Networks as lines of a table. */
import type { LeaseEntry, NetworkEntry } from '../admin-client.ts';
import type { Names } from '../docker.ts';
import type { Listing } from './format.ts';
import { healthOf, type Colors, type Health } from './lease-rows.ts';

const NETWORK_FIELDS = [
  ...['Name', 'Segment', 'Mode', 'Link', 'MTU', 'Leased', 'Waiting', 'Lost', 'Held', 'ID'],
];

export function networkListing(
  networks: readonly NetworkEntry[],
  leases: readonly LeaseEntry[],
  names: Names,
  colors: Colors,
): Listing {
  const named = networks.map((network) => {
    const own = leases.filter((lease) => lease.network === network.network);
    const count = (health: Health) => own.filter((lease) => healthOf(lease) === health).length;
    const counts = { leased: count('leased'), waiting: count('waiting') };
    return {
      ...{ ...network, name: names.network(network.network, own[0]) },
      counts: { ...counts, lost: count('lost'), held: count('held') },
    };
  });
  named.sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }));
  const rows = named.map(({ name, network, segment, mode, bridge, mtu, counts }) => ({
    ...{ Name: name, Segment: segment, Mode: mode ?? "Docker's own", Link: bridge },
    MTU: mtu === undefined ? '' : String(mtu),
    Leased: String(counts.leased),
    Waiting: String(counts.waiting),
    Lost: String(counts.lost),
    Held: String(counts.held),
    ID: network,
  }));
  return {
    ...{ rows, fields: NETWORK_FIELDS, columns: NETWORK_FIELDS.slice(0, 9), json: named },
    paint: (cell, field, row) =>
      field === 'Lost' && row['Lost'] !== '0' ? colors.red(cell) : cell,
  };
}
