/**
 * Part `guard`: what port guard and host protection cost. Containers of one network, each with another `guard=`, so
 * that nothing else differs; and two hosts on a bridge made by hand, which has no protection at all.
 */
import { docker, lab, run } from '../../test/support/lab.ts';
import { atLeast, atMost, PartReport } from '../figures/result.ts';
import { rounds } from '../options.ts';
import { ipBatch } from '../site/driver.ts';
import type { Program } from '../site/process.ts';
import { callTimes, logLength } from '../site/plugin-log.ts';
import { engineUp, firewallOf, linksUp, serverUp } from '../site/site.ts';
import {
  answerers,
  bareHosts,
  containers,
  measure,
  MODES,
  row,
  TRAFFIC_METHOD,
} from '../site/traffic.ts';
import { prepare, VLANDHCP } from '../site/variants.ts';

const GUARDS = ['off', 'mac', 'full'] as const;
const OUR_BRIDGE = 'bare veth on our bridge';
const PLAIN_BRIDGE = 'bare veth on a plain bridge';
const variant = (guard: string) => ({ ...VLANDHCP, name: `guard=${guard}` });
const option = (guard: string) => `driver-opt=guard=${guard}`;

export async function guard(): Promise<void> {
  const report = new PartReport({
    part: 'guard',
    where: 'host kernel, one untagged link, Docker Engine 28.5, the firewall is a namespace',
    method: `docker run --rm of \`true\`, guards in turn; then ${TRAFFIC_METHOD}`,
  });
  linksUp();
  const programs: Program[] = [await serverUp({ ping: false })];
  try {
    await engineUp();
    await lab('service-up');
    const refusal = await prepare(VLANDHCP);
    if (refusal !== undefined) throw new Error(refusal);
    await attach(report);
    ipBatch(['link add plain type bridge', 'link set plain up', 'link set eth2 master plain']);
    // Bridged frames pass Docker's FORWARD chain; on our bridges the plugin lets them through.
    await run('iptables', ['-I', 'DOCKER-USER', '-i', 'plain', '-o', 'plain', '-j', 'ACCEPT']);
    const pairs = [bareHosts(PLAIN_BRIDGE, 'plain', 2), bareHosts(OUR_BRIDGE, 'br-eth1', 1)];
    for (const guard of GUARDS) {
      pairs.push(await containers(variant(guard), firewallOf(1), [option(guard)]));
    }
    programs.push(...(await answerers(pairs)));
    await measure(pairs, report);
    conclude(report);
  } finally {
    report.write();
    for (const program of programs) await program.stop('SIGKILL');
    await run('scripts/lab/in-lab', ['service-down']);
    await run('scripts/lab/in-lab', ['engine-down']);
  }
}

const start = (guard: string) => `docker run, guard=${guard}`;

async function attach(report: PartReport): Promise<void> {
  for (let round = -2; round < rounds(40); round += 1) {
    for (const guard of GUARDS) {
      const from = logLength();
      const before = performance.now();
      await docker('run', '--rm', '--network', `name=ours,${option(guard)}`, 'bb', 'true');
      if (round < 0) continue;
      report.sample(start(guard), 'ms', performance.now() - before);
      for (const { call, ms } of callTimes(from)) {
        report.sample(`the plugin's ${call}, guard=${guard}`, 'ms', ms);
      }
    }
  }
}

function conclude(report: PartReport): void {
  for (const guard of ['mac', 'full']) report.ratio(start(guard), start('off'), atMost(1.02));
  for (const mode of MODES) {
    const goal = mode.isMoreBetter ? atLeast(0.98) : atMost(1.02);
    report.ratio(row(mode, OUR_BRIDGE), row(mode, PLAIN_BRIDGE), goal);
    for (const guard of ['mac', 'full']) {
      report.ratio(row(mode, variant(guard).name), row(mode, variant('off').name), goal);
    }
  }
}
