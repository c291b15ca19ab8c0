/** What the named counters of a table of nftables have counted. */
import { commandEvidence, runCommand } from '../../net/command.ts';
import type { NftTable } from './nft-tables.ts';

/** Packets, by the name of the counter. They begin anew when the table is replaced. */
export type NftCounters = ReadonlyMap<string, number>;

interface Listed {
  readonly counter?: { readonly name?: unknown; readonly packets?: unknown };
}

/** Empty if there is no such table. @throws PluginError IP_COMMAND_FAILED. */
export async function readCounters({ family, name }: Omit<NftTable, 'body'>): Promise<NftCounters> {
  try {
    const words = ['-j', 'list', 'counters', 'table', family, name];
    return parseCounters((await runCommand('nft', words)).stdout);
  } catch (error) {
    if (/No such file/.test(commandEvidence(error)?.stderr ?? '')) return new Map();
    throw error;
  }
}

/** @param text what `nft -j list counters` prints. */
function parseCounters(text: string): NftCounters {
  const { nftables = [] } = JSON.parse(text) as { nftables?: readonly Listed[] };
  return new Map(
    nftables.flatMap(({ counter: { name, packets } = {} }) =>
      typeof name === 'string' && typeof packets === 'number' ? [[name, packets] as const] : [],
    ),
  );
}
