/**
 * Thousands of endpoints of one plugin process, on real links with real sockets. A bridge has at
 * most 1,023 ports, and sends every broadcast to each of them. So the endpoints are in networks of
 * 100, as on real sites. Their container ends are moved into a few namespaces, because thousands of
 * namespaces would cost the kernel much.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { attach, createNetwork, ipBatch, type Joined } from './driver.ts';
import { SELF, start, type Program } from './process.ts';

export const PER_NETWORK = 100;
export const PER_SANDBOX = 500;
/**
 * Endpoints are joined one by one, but moved several at once, because our use of `ip` is not
 * measured. With more at once, the first would wait 0.9 s for its move. No container waits that
 * long.
 */
const MOVED_AT_ONCE = 5;
/**
 * So long that no renewal happens during the measurement. A part makes renewals due itself.
 */
const LEASE_SEC = 7200;

export interface Site {
  readonly env: Readonly<Record<string, string>>;
  readonly server: Program;
  readonly networks: number;
}

/** Makes trunk, server and folder for so many endpoints, and removes all of it after `use`. */
export async function withSite(size: number, use: (site: Site) => Promise<void>): Promise<void> {
  const networks = Math.ceil(size / PER_NETWORK);
  const uplinks = Array.from({ length: networks }, (_, index) => index);
  execFileSync('ip', ['netns', 'add', 'far']);
  ipBatch(
    uplinks.flatMap((n) => [
      `link add up${n} type veth peer name far${n} netns far`,
      `link set up${n} up`,
    ]),
  );
  ipBatch(
    uplinks.map((n) => `link set far${n} up`),
    'far',
  );
  // On a disk, as on a real host: here /var/lib/vlandhcp is in memory.
  const state = join(process.env['LAB_SHARE'] ?? '', 'state');
  mkdirSync(state, { recursive: true });
  const env = { STATE_DIR: state, JOIN_TIMEOUT: '99999' };
  const links = uplinks.map((n) => `far${n}=10.${100 + n}`);
  const far = ['ip', 'netns', 'exec', 'far'];
  const server = start([...far, ...SELF, 'responder', String(LEASE_SEC), '-', ...links]);
  try {
    await server.said('ready');
    await use({ env, server, networks });
  } finally {
    await server.stop();
    rmSync(state, { recursive: true, force: true });
    // Removes the links first. The kernel removes the links of a namespace with it, but later.
    ipBatch(uplinks.flatMap((n) => [`link del up${n}`, `link del br-up${n}`]));
    const namespaces = execFileSync('ip', ['-o', 'netns', 'list'], { encoding: 'utf8' });
    for (const name of namespaces.split('\n').filter(Boolean)) {
      execFileSync('ip', ['netns', 'delete', name.split(' ')[0] ?? '']);
    }
  }
}

/**
 * @param look is called before endpoint number 0, 1, … and once at the end.
 * @returns the endpoints, and how many milliseconds CreateEndpoint and Join took of each.
 */
export async function attachAll(
  size: number,
  networks: number,
  look: (number: number) => void = () => undefined,
): Promise<{ readonly joined: readonly Joined[]; readonly times: readonly number[] }> {
  const ids: string[] = [];
  for (let n = 0; n < networks; n += 1) ids.push(await createNetwork(`up${n}`));
  const joined: Joined[] = [];
  let pending: Joined[] = [];
  const times: number[] = [];
  for (let number = 0; number < size; number += 1) {
    look(number);
    const sandbox = `box${Math.floor(number / PER_SANDBOX)}`;
    if (number % PER_SANDBOX === 0) execFileSync('ip', ['netns', 'add', sandbox]);
    const {
      joined: one,
      createMs,
      joinMs,
    } = await attach(ids[number % networks] ?? '', `/run/netns/${sandbox}`);
    times.push(createMs + joinMs);
    pending.push(one);
    joined.push(one);
    if (pending.length < MOVED_AT_ONCE && number + 1 < size && (number + 1) % PER_SANDBOX !== 0)
      continue;
    ipBatch(pending.map(({ link }) => `link set ${link} netns ${sandbox}`));
    ipBatch(
      pending.map(({ link }) => `link set ${link} up`),
      sandbox,
    );
    pending = [];
    await delay(100); // meanwhile dockerd starts a container, and sockets follow
  }
  look(size);
  return { joined, times };
}
