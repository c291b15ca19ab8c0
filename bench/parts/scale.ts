/**
 * Part `scale`: thousands of endpoints of one plugin process, on real links with real sockets. A
 * bridge has at most 1,023 ports, and sends every broadcast to each of them. So the endpoints are
 * in networks of 100, as on real sites. Their container ends are moved into a few namespaces,
 * because thousands of namespaces would cost the kernel much.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  attach,
  call,
  createNetwork,
  detach,
  ipBatch,
  makeDockerChains,
  startPlugin,
  type Joined,
} from '../site/driver.ts';
import { OPEN, setFirewall } from '../site/firewall.ts';
import { scaled } from '../options.ts';
import { cpuSecondsOf, memoryOf, SELF, start, type Program } from '../site/process.ts';
import { atMost, held, PartReport } from '../figures/result.ts';
import { median, percentile } from '../figures/statistics.ts';

const SIZES = [1000, 4000];
const PER_NETWORK = 100;
const PER_SANDBOX = 500;
/**
 * Endpoints are joined one by one, but moved several at once, because our use of `ip` is not
 * measured. With more at once, the first would wait 0.9 s for its move. No container waits that
 * long.
 */
const MOVED_AT_ONCE = 5;
/**
 * The plugin is not at rest before: it probes the address of a new container, and announces it
 * twice. That ends 9 s after the container got it (RFC 5227), and at most 200 are that young.
 */
const SETTLED_AFTER_SEC = 15;
/** One period of the plugin's own work: it looks at the firewall rule every 30 s. */
const IDLE_SEC = 30;
/**
 * So long that no renewal happens during the measurement. The benchmark makes renewals due itself.
 */
const LEASE_SEC = 7200;
/** How long the benchmark watches after a restart with all leases overdue. */
const STORM_SEC = 30;

export async function scale(): Promise<void> {
  const report = new PartReport({
    part: 'scale',
    where: 'host kernel, private namespaces, state on disk, no Docker',
    method: `the plugin's process, called as dockerd does; untagged networks of ${PER_NETWORK} endpoints, joined one after another; ${PER_SANDBOX} links in a sandbox; fast responder`,
  });
  setFirewall(OPEN); // FORWARD has no jump to the chains made here
  makeDockerChains();
  try {
    for (const size of SIZES) {
      await withEndpoints(scaled(size), report);
      report.write(); // keeps the results so far: the next step takes long
    }
  } finally {
    report.write();
  }
}

interface Site {
  readonly env: Readonly<Record<string, string>>;
  readonly server: Program;
  readonly networks: number;
}

async function withEndpoints(size: number, report: PartReport): Promise<void> {
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
  const server = start([
    'ip',
    'netns',
    'exec',
    'far',
    ...SELF,
    'responder',
    String(LEASE_SEC),
    '-',
    ...links,
  ]);
  try {
    await server.said('ready');
    await measure(size, { env, server, networks }, report);
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

async function measure(
  size: number,
  { env, server, networks }: Site,
  report: PartReport,
): Promise<void> {
  let { plugin } = await startPlugin(env);
  try {
    const before = memoryOf(plugin.pid);
    const joined = await attachAll(size, networks, report);
    await delay(3000); // sockets follow their links at intervals of up to 2 s
    const after = memoryOf(plugin.pid);
    const limit = 60 + (8 * size) / 1024;
    const name = `${size} endpoints`;
    report.fact(`${name}: resident memory before`, before.rss, 'MB');
    report.fact(
      `${name}: resident memory`,
      after.rss,
      'MB',
      held(after.rss, atMost(Number(limit.toFixed(1)), ' MB (60 MB + 8 KB each)')),
    );
    report.fact(`${name}: proportional memory`, after.pss, 'MB');
    report.fact(`${name}: memory that no file backs`, after.own, 'MB');
    report.fact(
      `${name}: memory of its own per endpoint`,
      ((after.own - before.own) * 1024) / size,
      'KB',
    );
    report.fact(`${name}: open descriptors`, readdirSync(`/proc/${plugin.pid}/fd`).length);
    await idle(plugin, name, report);
    await detachSome(joined, name, report);
    await stopped(plugin, name, report);
    plugin = await restarted(env, size, name, report);
    await plugin.stop();
    plugin = await overdue(env, server, size, name, report);
  } finally {
    await plugin.stop();
  }
}

async function attachAll(size: number, networks: number, report: PartReport): Promise<Joined[]> {
  const ids: string[] = [];
  for (let n = 0; n < networks; n += 1) ids.push(await createNetwork(`up${n}`));
  const joined: Joined[] = [];
  let pending: Joined[] = [];
  const times: number[] = [];
  for (let number = 0; number < size; number += 1) {
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
  // The first ten only warm the plugin up.
  const sample = Math.min(100, Math.floor(size / 4));
  const [first, last] = [times.slice(10, 10 + sample), times.slice(-sample)];
  const name = `${size} endpoints`;
  for (const ms of first) report.sample(`${name}: attach, the first ${sample}`, 'ms', ms);
  for (const ms of last) report.sample(`${name}: attach, the last ${sample}`, 'ms', ms);
  const ratio = median(last) / median(first);
  report.fact(`${name}: attach, last / first`, ratio, '', held(ratio, atMost(1.3)));
  return joined;
}

async function idle(plugin: Program, name: string, report: PartReport): Promise<void> {
  await delay(SETTLED_AFTER_SEC * 1000);
  const before = cpuSecondsOf(plugin.pid);
  await delay(IDLE_SEC * 1000);
  const share = ((cpuSecondsOf(plugin.pid) - before) / IDLE_SEC) * 100;
  report.fact(
    `${name}: processor at rest, over ${IDLE_SEC} s`,
    share,
    '%',
    held(share, atMost(0.5, ' %')),
  );
}

/** Removes some of them to measure what leaving costs. */
async function detachSome(
  joined: readonly Joined[],
  name: string,
  report: PartReport,
): Promise<void> {
  const count = Math.min(20, joined.length);
  for (const [index, one] of joined.slice(0, count).entries()) {
    const { leaveMs, deleteMs } = await detach(one, `box${Math.floor(index / PER_SANDBOX)}`);
    report.sample(`${name}: Leave`, 'ms', leaveMs);
    report.sample(`${name}: DeleteEndpoint`, 'ms', deleteMs);
  }
}

/** The kernel takes 10 ms to close a packet socket, and each endpoint has two. */
async function stopped(plugin: Program, name: string, report: PartReport): Promise<void> {
  const startedAt = performance.now();
  await plugin.stop();
  const seconds = (performance.now() - startedAt) / 1000;
  report.fact(
    `${name}: stop`,
    seconds,
    's',
    held(seconds, atMost(10, ' s: then dockerd kills a plugin')),
  );
}

/** The time from the start of the process to an answer that waits for recovery. */
async function restarted(
  env: Site['env'],
  size: number,
  name: string,
  report: PartReport,
): Promise<Program> {
  const startedAt = performance.now();
  const { plugin } = await startPlugin(env);
  await call('NetworkDriver.Leave', { NetworkID: 'none', EndpointID: 'none' });
  const seconds = (performance.now() - startedAt) / 1000;
  report.fact(
    `${name}: restart to first answered call`,
    seconds,
    's',
    held(seconds, atMost(5, ' s')),
  );
  const recovered = await plugin.said('state recovered');
  const { resumed } = JSON.parse(recovered) as { resumed?: number };
  report.fact(`${name}: leases recovered`, resumed ?? 'unknown', `of ${size - Math.min(20, size)}`);
  return plugin;
}

/** A restart after T1 of every lease. Measures whether all renewals are sent at once. */
async function overdue(
  env: Site['env'],
  server: Program,
  size: number,
  name: string,
  report: PartReport,
): Promise<Program> {
  const folder = join(env['STATE_DIR'] ?? '', 'leases');
  for (const file of readdirSync(folder)) {
    const path = join(folder, file);
    const whole = JSON.parse(readFileSync(path, 'utf8')) as {
      record: { lease?: Record<string, number> };
    };
    const { lease } = whole.record;
    if (lease === undefined) continue;
    lease['t1At'] = (lease['requestedAt'] ?? 0) + 1;
    writeFileSync(path, JSON.stringify(whole));
  }
  const from = server.lines.length;
  const startedAt = Date.now();
  const { plugin } = await startPlugin(env);
  await delay(STORM_SEC * 1000);
  const times = server.lines.slice(from).flatMap((line) => line.split(' ').slice(1).map(Number));
  report.fact(`${name}: renewals after a restart past T1`, times.length, `in ${STORM_SEC} s`);
  if (times.length === 0) return plugin;
  const perSecond = new Map<number, number>();
  for (const at of times) {
    const second = Math.floor((at - startedAt) / 1000);
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  }
  const peak = Math.max(...perSecond.values()) / times.length;
  report.fact(
    `${name}: of these in the busiest second`,
    peak * 100,
    '%',
    held(peak * 100, atMost(20, ' %: spread')),
  );
  const at = (share: number) => (percentile(times, share) - startedAt) / 1000;
  report.fact(
    `${name}: renewals, 1 % / half / 99 % sent after`,
    [0.01, 0.5, 0.99].map((share) => at(share).toFixed(1)).join(' / '),
    's',
  );
  return plugin;
}
