/** The status of networks as a table for people. */
import type { EndpointStatus, HostStatus, NetworkStatus } from './status.ts';

const HEADINGS = ['NETWORK', 'SEGMENT', 'ENDPOINT', 'MAC', 'ADDRESS', 'SERVER', 'STATE', 'UNTIL'];

/** One line for each endpoint below a line of headings, with aligned columns. */
export function statusTable(networks: readonly NetworkStatus[]): string {
  const rows = networks.flatMap(({ network, segment, endpoints, host }) => [
    ...endpoints.map((one) => [
      ...[network.slice(0, 12), segment, one.endpoint.slice(0, 12), one.mac],
      ...(one.isIpv6Only === true ? cellsOfIpv6(one) : cellsOf(one)),
    ]),
    ...(host ? [[network.slice(0, 12), segment, 'host', host.mac, ...cellsOf(host)]] : []),
  ]);
  const all = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

type Shown = Pick<HostStatus, 'address' | 'lease' | 'lost' | 'renewal' | 'conflict' | 'state'>;

function cellsOf({ address, lease, lost, renewal, conflict, state }: Shown): readonly string[] {
  return [
    ...[address ?? 'none', lease?.server ?? 'none'],
    stateText({ state, lost, renewal, conflict }),
    lease?.expiresAt ?? (lost === undefined ? '' : `since ${lost.at}`),
  ];
}

/** An address of a prefix has no server, and its end is the kernel's. */
function cellsOfIpv6({ ipv6, state }: EndpointStatus): readonly string[] {
  const { address = 'none', from, lease } = ipv6 ?? {};
  return [address, lease?.server ?? from ?? 'none', state, lease?.expiresAt ?? ''];
}

function stateText({
  state,
  lost,
  renewal,
  conflict,
}: Pick<EndpointStatus, 'lost' | 'renewal' | 'conflict'> & {
  state: HostStatus['state'];
}): string {
  if (lost !== undefined) return `${state} (${lost.cause})`;
  const since = renewal === undefined ? state : `${state} since ${renewal.since}`;
  return conflict === undefined ? since : `${since} (claimed by ${conflict.by})`;
}
