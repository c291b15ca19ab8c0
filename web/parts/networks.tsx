/** The networks as buttons: each shows how its leases are, and filters the page. */
import type { NetworkEntry } from '../../cli/admin-client.ts';
import type { Health } from '../../cli/views/lease-rows.ts';
import type { Row } from '../model/leases.ts';

type NamedNetwork = NetworkEntry & { readonly name?: string };

export interface NetworksProps {
  readonly networks: readonly NamedNetwork[];
  readonly rows: readonly Row[];
  readonly chosen: string | undefined;
  readonly onChoose: (network: string | undefined) => void;
}

const WORDS: readonly Health[] = ['lost', 'waiting', 'leased', 'held'];

export function Networks({ networks, rows, chosen, onChoose }: NetworksProps) {
  const sorted = networks.toSorted((one, other) =>
    titleOf(one).localeCompare(titleOf(other), 'en', { numeric: true }),
  );
  return (
    <section aria-label="Networks">
      <h2>Networks</h2>
      {networks.length === 0 && <p class="empty">No network uses the plugin yet.</p>}
      <ul class="networks">
        {sorted.map((network) => {
          const own = rows.filter(({ lease }) => lease.network === network.network);
          const isChosen = network.network === chosen;
          return (
            <li key={network.network}>
              <button
                type="button"
                aria-pressed={isChosen}
                onClick={() => onChoose(isChosen ? undefined : network.network)}
              >
                <bdi class="title">{titleOf(network)}</bdi>
                <span class="facts">{factsOf(network)}</span>
                <Counts rows={own} />
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Docker's name where the plugin knows it. */
export function titleOf({ name, segment }: NamedNetwork): string {
  return name ?? segment;
}

function factsOf({ name, segment, mode, bridge, mtu, network }: NamedNetwork): string {
  const link = segment.includes(bridge) ? [] : [bridge];
  return [
    ...(name === undefined ? [] : [segment]),
    ...[mode ?? "Docker's own driver", ...link],
    ...(mtu === undefined ? [] : [`MTU ${mtu}`]),
    ...(name === undefined ? [network.slice(0, 12)] : []),
  ].join(' · ');
}

/** `2 lost · 1 waiting · 57 leased`, with a word for each colour. */
export function Counts({ rows }: { readonly rows: readonly Row[] }) {
  return (
    <span class="counts">
      {WORDS.map((word) => ({ word, count: rows.filter(({ health }) => health === word).length }))
        .filter(({ word, count }) => count > 0 || word === 'leased')
        .map(({ word, count }) => (
          <span key={word} class={`count ${word}`}>
            <b>{count}</b> {word}
          </span>
        ))}
    </span>
  );
}
