/**
 * The common parts of the recovery tests: a container that is pinged a hundred times a second
 * during a fault, and a table of what the fault cost.
 */
import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  attachment,
  docker,
  firewallReaches,
  inspectContainer,
  ip,
  lab,
  pingSteadily,
  removeAllContainersAndNetworks,
  run,
  until,
} from '../support/lab/lab.ts';
import type { Site } from '../support/lab/site.ts';

export const STATE = '/var/lib/vlandhcp';
/** Short enough to notice that dockerd rebuilds its firewall chains, which takes some 10 ms. */
const PING_INTERVAL_MS = 10;

export interface Row {
  readonly fault: string;
  readonly server: string;
  lostMs: number | undefined;
  kept: boolean | undefined;
  leftovers: number | undefined;
}

const rows: Row[] = [];

/**
 * A row of the table. An unknown value stays a question mark. So the row of a failed test is shown,
 * too.
 */
export function fault(what: string, server: string): Row {
  const row = { fault: what, server, lostMs: undefined, kept: undefined, leftovers: undefined };
  rows.push(row);
  return row;
}

/**
 * Runs `disturb` while the firewall pings the container. Waits until the container answers again.
 */
export async function pinged(address: string, disturb: () => Promise<unknown>): Promise<number> {
  const ping = pingSteadily(address, PING_INTERVAL_MS);
  try {
    await disturb();
    await until(`${address} answers`, () => firewallReaches(address));
  } catch (error) {
    await ping.stop();
    throw error;
  }
  const { sent, lost } = await ping.stop();
  expect(sent).toBeGreaterThan(0);
  return lost * PING_INTERVAL_MS;
}

export const addressOf = async (name = 'box') => (await attachment(name, 'fw500')).address;

/**
 * Runs `disturb` on a running container, and fills in and asserts the row. The table shows how long
 * a gap lasts. This is not asserted, because it depends on the machine's speed as much as on the
 * plugin.
 */
export async function survives(
  row: Row,
  allowed: 'no packet is lost' | 'a gap',
  disturb: (address: string) => Promise<unknown>,
): Promise<void> {
  const address = await addressOf();
  row.lostMs = await pinged(address, () => disturb(address));
  row.kept = (await docker('exec', 'box', 'ip', '-4', '-o', 'addr', 'show', 'eth0')).includes(
    ` ${address}/`,
  );
  expect(row.kept).toBe(true);
  if (allowed === 'no packet is lost') expect(row.lostMs).toBe(0);
}

/** A container with a stable identity. */
export const runBox = (name = 'box', ...flags: string[]) =>
  docker(
    ...['run', '-d', '--name', name, '--network', `name=fw500,driver-opt=id=${name}`],
    ...[...flags, 'bb'],
  );

export async function isRunning(name: string): Promise<boolean> {
  return inspectContainer(name).then(
    ({ State }) => State.Running,
    () => false, // dockerd does not answer, or has no such container
  );
}

/** Records of networks, endpoints and held leases. */
export async function stateFiles(folder = STATE): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.json'));
}

/** Removes all containers and networks and counts what stays. */
export async function cleanUp(row: Row | undefined, place: Site, folder = STATE) {
  const leftovers = async () => [...(await place.leftLinks()), ...(await stateFiles(folder))];
  await removeAllContainersAndNetworks();
  const isClean = async () => (await leftovers()).length === 0;
  await until('nothing is left', isClean, 5000).catch(() => undefined);
  const left = await leftovers();
  if (row !== undefined) row.leftovers = left.length;
  expect(left).toEqual([]);
}

/**
 * Simulates a power cut: dockerd, plugin and containers die at once, and the kernel loses its
 * links. Then starts the plugin as a service. The caller starts dockerd.
 */
export async function powerCut(containers: readonly string[]): Promise<void> {
  const pids = await docker('inspect', '-f', '{{.State.Pid}}', ...containers);
  await lab('engine-kill');
  await lab('service-kill');
  for (const pid of pids.split('\n').map(Number)) {
    expect(pid).toBeGreaterThan(1);
    process.kill(pid, 'SIGKILL');
  }
  const names = (await ip('-br', 'link')).split('\n').map((line) => line.split(/[ @]/)[0]!);
  for (const link of names.filter((name) => /^(vd[hc]|br[56]00|eth1\.[56]00)/.test(name))) {
    await run('ip', ['link', 'delete', link]);
  }
  await run('sh', ['-c', 'umount /run/docker/netns/* ; rm -rf /run/docker/netns ; true']);
  await lab('service-up');
}

/**
 * Prints the table of a file's rows. Also writes it into the shared folder, for the caller of the
 * guest.
 */
export async function printTable(): Promise<void> {
  const header = ['fault', 'server', 'traffic lost', 'address kept', 'leftovers'];
  const lines = rows.map(({ fault: what, server, lostMs, kept, leftovers: left }) => [
    what,
    server,
    lostMs === undefined ? '?' : `${lostMs} ms`,
    kept === undefined ? '?' : kept ? 'yes' : 'no',
    left === undefined ? '?' : String(left),
  ]);
  const widths = header.map((_, i) =>
    Math.max(...[header, ...lines].map((line) => line[i]!.length)),
  );
  const format = (line: string[]) =>
    `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  const table = [format(header), rule, ...lines.map(format)].join('\n');
  process.stdout.write(`\n${table}\n`);
  const share = process.env['LAB_SHARE'];
  if (share !== undefined) await appendFile(join(share, 'table'), `${table}\n`);
}
