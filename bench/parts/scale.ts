/** Part `scale`: thousands of endpoints of one plugin process (`site/many-endpoints.ts`). */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { call, detach, makeDockerChains, startPlugin, type Joined } from '../site/driver.ts';
import { OPEN, setFirewall } from '../site/firewall.ts';
import { scaled } from '../options.ts';
import {
  attachAll,
  PER_NETWORK,
  PER_SANDBOX,
  withSite,
  type Site,
} from '../site/many-endpoints.ts';
import { cpuSecondsOf, cpuTimesOf, memoryOf, type Program, type Spent } from '../site/process.ts';
import { atMost, held, PartReport } from '../figures/result.ts';
import { median, percentile } from '../figures/statistics.ts';

const SIZES = [1000, 4000];
/**
 * The plugin is not at rest before: it probes the address of a new container, and announces it
 * twice. That ends 9 s after the container got it (RFC 5227), and at most 200 are that young.
 */
const SETTLED_AFTER_SEC = 15;
/** One period of the plugin's own work: it looks at the firewall rule every 30 s. */
const IDLE_SEC = 30;
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
      const count = scaled(size);
      await withSite(count, (site) => measure(count, site, report));
      report.write(); // keeps the results so far: the next step takes long
    }
  } finally {
    report.write();
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
    const joined = await attachTimed(plugin.pid, size, networks, report);
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

async function attachTimed(
  pid: number,
  size: number,
  networks: number,
  report: PartReport,
): Promise<readonly Joined[]> {
  // The first ten only warm the plugin up.
  const sample = Math.min(100, Math.floor(size / 4));
  const first = { from: 10, to: 10 + sample };
  const last = { from: size - sample, to: size };
  const spent = new Map<number, Spent>();
  const edges = [first.from, first.to, last.from, last.to];
  const { joined, times } = await attachAll(size, networks, (number) => {
    if (edges.includes(number)) spent.set(number, cpuTimesOf(pid));
  });
  const name = `${size} endpoints`;
  for (const [words, { from, to }] of Object.entries({ first, last })) {
    const row = `${name}: attach, the ${words} ${sample}`;
    for (const ms of times.slice(from, to)) report.sample(row, 'ms', ms);
    const [before, after] = [spent.get(from), spent.get(to)];
    if (before === undefined || after === undefined) throw new Error(`${row}: nobody looked`);
    for (const who of ['user', 'system'] as const) {
      const ms = ((after[who] - before[who]) * 1000) / (to - from);
      report.fact(`${row}: processor time of each, ${who}`, ms, 'ms');
    }
  }
  const medianOf = ({ from, to }: typeof first) => median(times.slice(from, to));
  const ratio = medianOf(last) / medianOf(first);
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
