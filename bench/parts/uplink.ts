/**
 * Part `uplink`: what the tunnel to a site costs. 100 members join one hub; then throughput beside
 * plain WireGuard, and attaching on `uplink0` beside a link of the host.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { atLeast, atMost, held, PartReport } from '../figures/result.ts';
import { median } from '../figures/statistics.ts';
import { failed, inTurn, warmed, way } from '../figures/turns.ts';
import { scaled } from '../options.ts';
import {
  attach,
  createNetwork,
  detach,
  ipBatch,
  makeDockerChains,
  startPlugin,
} from '../site/driver.ts';
import { OPEN, setFirewall } from '../site/firewall.ts';
import { cpuTimesOf, start, type Program } from '../site/process.ts';
import { gigabits } from '../site/traffic.ts';
import {
  hostUp,
  hubUp,
  inside,
  OFFICE,
  placesUp,
  plainUp,
  VLAN,
  type Host,
} from '../site/uplink-site.ts';

const MEMBERS = 100;
const SETTLED_AFTER_MS = 15_000;
const REST_SEC = 30;
/** As in the part `calls`: meanwhile the container would run. */
const RUNS_MS = 600;
const JOIN = 'join of a member';
const WAYS = {
  plain: 'plain WireGuard',
  bridged: 'plain WireGuard, container behind a bridge',
  uplink: 'uplink',
} as const;
const DIRECTIONS = [
  { name: 'container to office, TCP', more: [] },
  { name: 'office to container, TCP', more: ['-R'] },
] as const;

export async function uplink(): Promise<void> {
  const size = scaled(MEMBERS);
  const report = new PartReport({
    part: 'uplink',
    where:
      'all hosts are namespaces of one kernel, kernel WireGuard, no delay and no NAT; no Docker',
    method: `${size} members, each with the service of its uplinks, join one after another while the earlier ones run; the hub at rest for ${REST_SEC} s; members stopped, one left: iperf3 for 2 s, ways in turn; CreateEndpoint and Join, links in turn`,
  });
  setFirewall(OPEN);
  makeDockerChains();
  const programs: Program[] = [await placesUp()];
  try {
    const hub = await hubUp();
    programs.push(hub);
    await measured(JOIN, 'ms', report, () => manyMembers(size, hub, report));
    const host = await hostUp(-1);
    programs.push(host.service);
    await host.join('this-machine', String(VLAN.uplink));
    const { plugin } = await startPlugin();
    programs.push(plugin);
    const networks = {
      beside: await createNetwork('beside', { vlan: String(VLAN.beside) }),
      uplink: await createNetwork('uplink0', { vlan: String(VLAN.uplink) }),
    };
    await measured('throughput', 'Gbit/s', report, () => throughput(networks.uplink, report));
    await measured('attach', 'ms', report, () => attaching(networks, report));
  } finally {
    report.write();
    for (const program of programs.reverse()) await program.stop('SIGKILL');
  }
}

/** A failure costs this row only. */
async function measured(
  name: string,
  unit: string,
  report: PartReport,
  run: () => Promise<void>,
): Promise<void> {
  try {
    await run();
  } catch (error) {
    failed([{ name, unit }], error, report);
  }
  report.write();
}

async function manyMembers(size: number, hub: Program, report: PartReport): Promise<void> {
  const hosts: Host[] = [];
  try {
    const before = memoryOf(hub.pid);
    for (let number = 0; number < size; number += 1) {
      const host = await hostUp(number);
      hosts.push(host);
      report.sample(JOIN, 'ms', await host.join(`m${number}`, String(VLAN.uplink)));
    }
    const times = report.samples(JOIN);
    const [worst, last] = [Math.max(...times), median(times.slice(-10))];
    report.fact('slowest join', worst, 'ms', held(worst, atMost(2000, ' ms')));
    report.fact('last ten joins, median', last, 'ms');
    await delay(SETTLED_AFTER_MS);
    const from = cpuTimesOf(hub.pid);
    const startedAt = performance.now();
    await delay(REST_SEC * 1000);
    const to = cpuTimesOf(hub.pid);
    const percent = (seconds: number) => (seconds / (performance.now() - startedAt)) * 100_000;
    const [user, system] = [percent(to.user - from.user), percent(to.system - from.system)];
    const share = user + system;
    report.fact('hub at rest, of a core', share, '%', held(share, atMost(1, ' %')));
    report.fact('of it in the kernel', system, '%');
    const memory = memoryOf(hub.pid);
    report.fact('memory of the hub, resident', memory, 'MB', held(memory, atMost(100, ' MB')));
    report.fact('memory of the hub without members', before, 'MB');
  } finally {
    for (const { service } of hosts) await service.stop('SIGKILL');
  }
}

/** MB. The guest's kernel does not tell how much of it is shared. */
function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

const row = (direction: { readonly name: string }, of: string) => `${direction.name}: ${of}`;

async function throughput(network: string, report: PartReport): Promise<void> {
  const { joined } = await attach(network, '/run/netns/box');
  ipBatch([`link set ${joined.link} netns box`]);
  ipBatch(
    [
      `link set ${joined.link} name eth0`,
      `address add ${joined.address} dev eth0`,
      'link set eth0 up',
      // The DHCP server gives out a /24 that it is not in itself.
      `route add ${OFFICE.overUplink} dev eth0`,
    ],
    'box',
  );
  plainUp();
  const server = start(inside('fw', 'iperf3', '-s', '--forceflush'));
  try {
    await server.said('listening');
    const to = {
      plain: OFFICE.overPlain,
      bridged: OFFICE.overBridged,
      uplink: OFFICE.overUplink,
    };
    const ways = DIRECTIONS.flatMap((direction) =>
      (['plain', 'bridged', 'uplink'] as const).map((which) =>
        way(row(direction, WAYS[which]), 'Gbit/s', () =>
          gigabits(inside('box'), to[which], ...direction.more),
        ),
      ),
    );
    await inTurn(ways, warmed(12, 1), report);
  } finally {
    await server.stop();
  }
  for (const direction of DIRECTIONS) {
    report.ratio(row(direction, WAYS.uplink), row(direction, WAYS.plain), atLeast(0.9));
    report.ratio(row(direction, WAYS.uplink), row(direction, WAYS.bridged));
  }
  ipBatch(['link set eth0 down', `link set eth0 name ${joined.link}`], 'box');
  await detach(joined, 'box');
}

async function attaching(
  networks: { readonly beside: string; readonly uplink: string },
  report: PartReport,
): Promise<void> {
  const names = { beside: 'attach on a link of the host', uplink: 'attach on uplink0' } as const;
  const ways = (['beside', 'uplink'] as const).map((which) =>
    way(names[which], 'ms', async () => {
      const { joined, createMs, joinMs } = await attach(networks[which], '/run/netns/box');
      ipBatch([`link set ${joined.link} netns box`]);
      ipBatch(
        [`address add ${joined.address} dev ${joined.link}`, `link set ${joined.link} up`],
        'box',
      );
      await delay(RUNS_MS);
      await detach(joined, 'box');
      return createMs + joinMs;
    }),
  );
  await inTurn(ways, warmed(40), report);
  report.ratio(names.uplink, names.beside, atMost(1.05));
}
