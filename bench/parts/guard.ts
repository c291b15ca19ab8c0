/**
 * Part `guard`: what port guard and host protection cost. The containers are on one network and
 * differ only in `guard=`. Two more hosts are on a bridge without any protection.
 */
import { docker, lab, run } from '../../test/support/lab/lab.ts';
import { atLeast, atMost, PartReport } from '../figures/result.ts';
import { inTurn, timed, warmed, way } from '../figures/turns.ts';
import { ipBatch } from '../site/driver.ts';
import { setFirewall, usualFirewall, type HostFirewall } from '../site/firewall.ts';
import type { Program } from '../site/process.ts';
import { callTimes, logLength } from '../site/plugin-log.ts';
import { engineUp, firewallOf, linksUp, serverUp } from '../site/site.ts';
import { bareHosts, containers, type Kind } from '../site/hosts.ts';
import { answerers, makePairs, measure, MODES, row, TRAFFIC_METHOD } from '../site/traffic.ts';
import { prepare, VLANDHCP } from '../site/variants.ts';

const GUARDS = ['off', 'mac', 'full'] as const;
const OUR_BRIDGE = 'bare veth on our bridge';
const PLAIN_BRIDGE = 'bare veth on a plain bridge';
const variant = (guard: string) => ({ ...VLANDHCP, name: `guard=${guard}` });
const option = (guard: string) => `driver-opt=guard=${guard}`;

export async function guard(): Promise<void> {
  const firewall = usualFirewall();
  const report = new PartReport({
    part: 'guard',
    where: `host kernel, one untagged link, Docker Engine 28.5, the firewall is a namespace, ${firewall.name}`,
    method: `docker run --rm of \`true\`, guards in turn; then ${TRAFFIC_METHOD}`,
  });
  linksUp();
  // Before the engine: it finds forwarding on, and does not change the policy.
  setFirewall(firewall);
  const programs: Program[] = [await serverUp({ ping: false })];
  try {
    await engineUp();
    await lab('service-up');
    const refusal = await prepare(VLANDHCP);
    if (refusal !== undefined) throw new Error(refusal);
    await attach(report);
    ipBatch(['link add plain type bridge', 'link set plain up', 'link set eth2 master plain']);
    // Bridged frames pass Docker's FORWARD chain. On our bridges the plugin accepts them.
    await run('iptables', ['-I', 'DOCKER-USER', '-i', 'plain', '-o', 'plain', '-j', 'ACCEPT']);
    const kinds: readonly Kind[] = [
      { name: PLAIN_BRIDGE, make: () => bareHosts(PLAIN_BRIDGE, 'plain', 2) },
      { name: OUR_BRIDGE, make: () => bareHosts(OUR_BRIDGE, 'br-eth1', 1) },
      ...GUARDS.map((guard) => ({
        name: variant(guard).name,
        make: () => containers(variant(guard), firewallOf(1), [option(guard)]),
      })),
    ];
    const pairs = await makePairs(kinds, [firewall], report);
    programs.push(...(await answerers(pairs)));
    await measure(pairs, [firewall], report);
    conclude(report, firewall);
  } finally {
    report.write();
    for (const program of programs) await program.stop('SIGKILL');
    await run('scripts/lab/in-lab', ['service-down']);
    await run('scripts/lab/in-lab', ['engine-down']);
  }
}

const start = (guard: string) => `docker run, guard=${guard}`;

async function attach(report: PartReport): Promise<void> {
  const times = warmed(40);
  const ways = GUARDS.map((guard) => {
    let runs = 0;
    return way(start(guard), 'ms', async () => {
      const from = logLength();
      const ms = await timed(() =>
        docker('run', '--rm', '--network', `name=ours,${option(guard)}`, 'bb', 'true'),
      );
      runs += 1;
      for (const { call, ms } of runs > times.warmUps ? callTimes(from) : [])
        report.sample(`the plugin's ${call}, guard=${guard}`, 'ms', ms);
      return ms;
    });
  });
  await inTurn(ways, times, report);
}

function conclude(report: PartReport, firewall: HostFirewall): void {
  for (const guard of ['mac', 'full']) report.ratio(start(guard), start('off'), atMost(1.02));
  for (const mode of MODES) {
    const goal = mode.isMoreBetter ? atLeast(0.98) : atMost(1.02);
    const named = (kind: string) => row(mode, kind, firewall);
    report.ratio(named(OUR_BRIDGE), named(PLAIN_BRIDGE), goal);
    for (const guard of ['mac', 'full']) {
      report.ratio(named(variant(guard).name), named(variant('off').name), goal);
    }
  }
}
