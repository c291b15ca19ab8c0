/**
 * What the Docker parts run on: a firewall (namespace fw), a DHCP server for each link, an engine
 * and the plugin. The firewall has one link to this machine for each way of attaching, because a
 * bridge port cannot carry a macvlan. All links are untagged, because some kernels under test have
 * no 802.1Q.
 */
import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { lab, run } from '../../test/support/lab/lab.ts';
import { ipBatch } from './driver.ts';
import { start, type Program } from './process.ts';

const ENGINE_SOCKET = '/run/docker.sock';

/**
 * Link n is eth<n> here and lan<n> at the firewall, with 10.2<n>.0.1/16. Leases begin at .64.0,
 * static addresses at .128.0.
 */
export type LinkNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
const ALL: readonly LinkNumber[] = [1, 2, 3, 4, 5, 6, 7, 8];
/** The one with IPv6: the firewall advertises a prefix there. */
export const DUAL: LinkNumber = 8;
const PREFIX = '2001:db8:28::';

export const subnetOf = (n: LinkNumber) => `10.2${n}.0.0/16`;
export const staticRangeOf = (n: LinkNumber) => `10.2${n}.128.0/17`;
export const firewallOf = (n: LinkNumber) => `10.2${n}.0.1`;

export function linksUp(): void {
  execFileSync('ip', ['netns', 'add', 'fw']);
  ipBatch(
    ALL.flatMap((n) => [
      `link add eth${n} type veth peer name lan${n} netns fw`,
      `link set eth${n} up`,
    ]),
  );
  ipBatch(
    ALL.flatMap((n) => [`address add ${firewallOf(n)}/16 dev lan${n}`, `link set lan${n} up`]),
    'fw',
  );
  ipBatch([`address add ${PREFIX}1/64 dev lan${DUAL} nodad`], 'fw');
}

/**
 * Starts dnsmasq on every link. @param ping true for its default: it pings for 3 s before an offer.
 */
export async function serverUp({ ping }: { ping: boolean }): Promise<Program> {
  const ranges = ALL.flatMap((n) => [
    `--interface=lan${n}`,
    `--dhcp-range=10.2${n}.64.0,10.2${n}.127.255,255.255.0.0,3600`,
  ]);
  const server = start([
    ...['ip', 'netns', 'exec', 'fw', 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null'],
    ...['--port=0', '--bind-interfaces', '--user=root', '--pid-file=', '--dhcp-authoritative'],
    ...['--quiet-dhcp', '--log-facility=/run/dnsmasq.log', '--dhcp-leasefile=/run/dnsmasq.leases'],
    ...['--dhcp-lease-max=100000', ...(ping ? [] : ['--no-ping']), ...ranges],
    ...['--enable-ra', `--dhcp-range=${PREFIX},slaac,64,3600`],
  ]);
  for (const by = performance.now() + 10_000; performance.now() < by;) {
    const { stdout } = await run('ip', ['netns', 'exec', 'fw', 'ss', '-Hlun', 'sport = :67']);
    if (stdout !== '') return server;
  }
  await server.stop();
  throw new Error('dnsmasq is not ready');
}

/** The engine's control groups have a name of ours, so that scripts/bench can remove them. */
export function engineUp(): Promise<string> {
  const group = process.env['BENCH_CONTROL_GROUP'] ?? 'vlandhcp-bench';
  return lab('engine-up', `--cgroup-parent=/${group}`);
}

/** Calls the engine's API. No program is started for a call. @throws its message if it refuses. */
export function engineCall<Answer = unknown>(
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        socketPath: ENGINE_SOCKET,
        method,
        path,
        agent: false,
        headers: { Host: 'docker', 'Content-Type': 'application/json' },
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => {
          const ok = (answer.statusCode ?? 500) < 400;
          if (ok) resolve((text === '' ? undefined : JSON.parse(text)) as Answer);
          else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text.trim()}`));
        });
      },
    );
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
