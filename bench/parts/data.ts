/**
 * Part `data`: what frames cost once a container runs. iperf3 and sockperf between a container and the firewall, and
 * between two containers, on each kind of network in turn. `bare veth` is our links without our sockets: two
 * namespaces on the same bridge, which tells what the sockets' filters cost.
 */
import { lab, run } from '../../test/support/lab.ts';
import { atLeast, atMost, PartReport } from '../figures/result.ts';
import { median } from '../figures/statistics.ts';
import { ipBatch } from '../site/driver.ts';
import type { Program } from '../site/process.ts';
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
import { BRIDGE, MACVLAN, MACVLAN_IPAM, prepare, VLANDHCP } from '../site/variants.ts';

const BARE = 'bare veth on our bridge';

export async function data(): Promise<void> {
  const report = new PartReport({
    part: 'data',
    where:
      'host kernel, untagged links, Docker Engine 28.5, the firewall is a namespace: memory speed, no wire',
    method: TRAFFIC_METHOD,
  });
  linksUp();
  const programs: Program[] = [await serverUp({ ping: false })];
  try {
    await engineUp();
    await lab('service-up');
    const isLeasedMacvlan = (await prepare(MACVLAN_IPAM)) === undefined;
    for (const variant of [MACVLAN, VLANDHCP]) await prepare(variant);
    const pairs = [
      await containers(BRIDGE, firewallOf(5)),
      await containers(MACVLAN, firewallOf(3)),
      await containers(VLANDHCP, firewallOf(1)),
      bareHosts(BARE, 'br-eth1', 1),
      ...(isLeasedMacvlan ? [await containers(MACVLAN_IPAM, firewallOf(4))] : []),
    ];
    for (const mode of isLeasedMacvlan ? [] : MODES) {
      report.unavailable(row(mode, MACVLAN_IPAM.name), mode.unit, 'the network could not be made');
    }
    // Docker's bridge reaches the firewall by way of this machine, which hides it behind its own address.
    ipBatch(['address add 10.25.0.2/16 dev eth5']);
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

function conclude(report: PartReport): void {
  for (const mode of MODES) {
    const [bridge, macvlan] = [row(mode, BRIDGE.name), row(mode, MACVLAN.name)];
    const isBridgeBetter =
      median(report.samples(bridge)) > median(report.samples(macvlan)) === mode.isMoreBetter;
    const goal = mode.isMoreBetter ? atLeast(0.98) : atMost(1.02);
    if (!isBridgeBetter) report.ratio(row(mode, VLANDHCP.name), macvlan, goal);
    report.ratio(row(mode, VLANDHCP.name), bridge, goal);
    report.ratio(row(mode, MACVLAN_IPAM.name), macvlan, goal);
    const filterGoal = mode.isMoreBetter ? atLeast(0.99) : atMost(1.01);
    report.ratio(row(mode, VLANDHCP.name), row(mode, BARE), filterGoal);
  }
}
