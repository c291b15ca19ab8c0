/** What the tests of IPv6 at a real engine have in common: the office, the boxes, their figures. */
import { parseIpv6 } from '../../../plugin/wire/address6.ts';
import { docker, inspectContainer, lab, networkCommand, output, run } from '../lab/lab.ts';

export const OFFICE = '2001:db8:99::2';
export const ENGINE = process.env['ENGINE'] ?? '28';

/** A network on VLAN 500 that is called `six`. */
export const createSix = (...options: string[]) =>
  docker(...networkCommand('six', ['parent=eth1', 'vlan=500', ...options]));

/**
 * The first instructions of a container: its addresses, then pings the office until one is
 * answered. It tells the seconds and the pings that it took.
 */
const FIRST_INSTRUCTIONS = [
  'read from rest </proc/uptime',
  'ip -6 -o address show dev eth0',
  `n=0; until ping -6 -c 1 -W 1 ${OFFICE} >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 500 ] || break; done`,
  'read to rest </proc/uptime',
  'echo "reached $from $to $n"',
  'trap exit TERM; sleep 2000000 & wait',
].join('\n');

/** A container that reports of its first instructions. */
export async function startReporter(name: string, ...flags: string[]): Promise<void> {
  const words = ['run', '-d', '--name', name, '--net=six', ...flags, 'bb'];
  await docker(...words, 'sh', '-c', FIRST_INSTRUCTIONS);
}

export interface Report {
  /** The addresses at the first instruction. */
  readonly addresses: readonly string[];
  /** From the first instruction to the answer of the office. */
  readonly reachedAfterMs: number;
  readonly failedPings: number;
}

/** Undefined while the container is still at it. */
export async function reportOf(name: string): Promise<Report | undefined> {
  const text = await docker('logs', name);
  const end = /^reached (\d+\.\d+) (\d+\.\d+) (\d+)$/m.exec(text);
  if (end === null) return undefined;
  return {
    addresses: [...text.matchAll(/inet6 ([0-9a-f:]+)\/\d+ scope global/g)].map(([, one]) => one!),
    reachedAfterMs: Math.round(1_000 * (Number(end[2]) - Number(end[1]))),
    failedPings: Number(end[3]),
  };
}

export interface Shown {
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mac: string;
}

/** What `docker inspect` shows of the container on `six`. */
export async function shown(name: string): Promise<Shown> {
  const { Networks } = (await inspectContainer(name)).NetworkSettings;
  const found = Networks['six'];
  if (found === undefined) throw new Error(`${name} is not on six: ${JSON.stringify(Networks)}`);
  return { ipv4: found.IPAddress, ipv6: found.GlobalIPv6Address, mac: found.MacAddress };
}

export const inside = (name: string, ...command: string[]) =>
  output('docker', ['exec', name, ...command]);

export async function reaches(name: string, address: string): Promise<boolean> {
  const words = ['exec', name, 'ping', '-6', '-c', '1', '-W', '1', address];
  return (await run('docker', words)).status === 0;
}

/** The address in the prefix 2001:db8:500::/64 that a MAC makes (RFC 4291 appendix A). */
export function madeOf(mac: string, prefix = '2001:db8:500:0'): string {
  const octets = mac.split(':').map((octet) => Number.parseInt(octet, 16));
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = octets;
  const groups = [((a ^ 2) << 8) | b, (c << 8) | 0xff, 0xfe00 | d, (e << 8) | f];
  const text = `${prefix}:${groups.map((group) => group.toString(16)).join(':')}`;
  return parseIpv6(text) ?? text; // as programs write it: groups of 0 are left out
}

/** The MAC that the firewall has for an address, as it learned it. */
export async function neighbourOf(address: string): Promise<string> {
  return output('ip', ['-n', 'fw', '-6', 'neigh', 'show', 'to', address]);
}

/** What servers have written, in their own forms. */
export const leases6 = () => lab('leases6');
