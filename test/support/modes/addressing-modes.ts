/**
 * The table in docs/addressing-modes.md, and what a test needs to run its rows as they are written
 * there.
 */
import {
  docker,
  firewallComesToReach,
  ip,
  lab,
  labWith,
  leases,
  removeAllContainersAndNetworks,
} from '../lab/lab.ts';
import { table } from '../pages/readme.ts';

export interface Mode {
  readonly title: string;
  /** The network's name. The names of its containers begin with it. */
  readonly network: string;
  readonly vlan: number;
  /** As in the table, with this VLAN in place of 500. */
  readonly words: readonly string[];
  readonly showsSubnet: boolean;
  readonly choice: string;
  readonly restart: string;
}

const PREFIXES: Readonly<Record<number, string>> = {
  10: '10.10.0',
  500: '10.50.0',
  600: '10.60.0',
};
/**
 * Macvlan and ipvlan have a VLAN of their own. The others show how many networks one VLAN can have.
 */
export const VLAN_OF_ROW = [500, 500, 500, 600, 10, 600];

export const MODES: readonly Mode[] = table('Which addressing mode when').map((cells, row) => {
  const [title = '', command = '', shows = '', choice = '', restart = ''] = cells;
  const vlan = VLAN_OF_ROW[row] ?? 500;
  const words = command.replaceAll('`', '').replaceAll('500', String(vlan));
  return {
    ...{ title, network: `net${row}`, vlan, choice, restart },
    words: words.replaceAll('10.50.0', PREFIXES[vlan] ?? '').split(' '),
    showsSubnet: shows === 'yes',
  };
});
export const IPVLAN = MODES.filter(({ words }) => words.includes('ipvlan'));
export const OTHERS = MODES.filter(({ words }) => !words.includes('ipvlan'));

export const prefix = ({ vlan }: Mode) => PREFIXES[vlan] ?? '';
export const startNetwork = (mode: Mode, ...more: string[]) =>
  docker('network', 'create', ...mode.words, ...more, mode.network);

/** A bridge on the VLAN, made by commands, as Docker's bridge driver needs it. */
export async function bridgeByHand(): Promise<void> {
  await ip('link', 'add', 'link', 'eth1', 'name', 'eth1.10', 'type', 'vlan', 'id', '10');
  await ip('link', 'add', 'br10', 'type', 'bridge', 'forward_delay', '0');
  await ip('link', 'set', 'eth1.10', 'master', 'br10', 'up');
  await ip('link', 'set', 'br10', 'up');
}

export async function reachAll(addresses: readonly string[]): Promise<void> {
  await Promise.all(addresses.map((address) => firewallComesToReach(address)));
}

/** The server's own list of addresses in use. */
export async function leasesAtServer(): Promise<string[]> {
  const lines = (await leases()).split('\n').filter((line) => line !== '');
  return lines.map((line) => line.split(' ')[2] ?? '').sort();
}

/** Starts everything. The server has no leases of earlier runs. */
export async function up(settings: Readonly<Record<string, string>> = {}): Promise<void> {
  await lab('fw', 'ip', 'neigh', 'flush', 'all');
  await labWith(settings, 'service-up');
  // dockerd asks only once what an IPAM driver requires.
  await lab('engine-up', '--live-restore');
}

export async function down(): Promise<void> {
  await removeAllContainersAndNetworks();
  await lab('engine-down');
  await lab('service-down');
}
