/**
 * Part `data`: what frames cost while a container runs. Runs iperf3 and sockperf between a
 * container and the firewall, and between two containers, on each kind of network in turn, with
 * each firewall. `bare veth` has our links without our sockets: two namespaces on the same bridge.
 * It shows what the sockets' filters cost.
 */
import { lab, run } from '../../test/support/lab/lab.ts';
import { atLeast, atMost, PartReport } from '../figures/result.ts';
import { median } from '../figures/statistics.ts';
import { ipBatch } from '../site/driver.ts';
import { FIREWALLS, OPEN, setFirewall, type HostFirewall } from '../site/firewall.ts';
import type { Program } from '../site/process.ts';
import { engineUp, firewallOf, linksUp, serverUp, type LinkNumber } from '../site/site.ts';
import { bareHosts, containers, type Kind } from '../site/hosts.ts';
import { answerers, makePairs, measure, MODES, row, TRAFFIC_METHOD } from '../site/traffic.ts';
import {
  BRIDGE,
  MACVLAN,
  MACVLAN_IPAM,
  OUR_IPVLAN,
  OUR_MACVLAN,
  prepare,
  VLANDHCP,
} from '../site/variants.ts';
import type { Variant } from '../site/variants.ts';

const BARE = 'bare veth on our bridge';

export async function data(): Promise<void> {
  const report = new PartReport({
    part: 'data',
    where:
      'host kernel, untagged links, Docker Engine 28.5, the firewall is a namespace: memory speed, no wire',
    method: `${TRAFFIC_METHOD}; in parentheses what the host does with frames between two ports of a bridge`,
  });
  linksUp();
  setFirewall(OPEN); // before the engine: it finds forwarding on, and does not change the policy
  const programs: Program[] = [await serverUp({ ping: false })];
  try {
    await engineUp();
    await lab('service-up');
    // Docker's bridge reaches the firewall through this machine, which replaces the address by its
    // own.
    ipBatch(['address add 10.25.0.2/16 dev eth5']);
    const kinds: readonly Kind[] = [
      on(BRIDGE, 5),
      on(MACVLAN, 3),
      on(VLANDHCP, 1),
      { name: BARE, make: () => bareHosts(BARE, 'br-eth1', 1) },
      on(MACVLAN_IPAM, 4),
      on(OUR_MACVLAN, 6),
      on(OUR_IPVLAN, 7),
    ];
    const pairs = await makePairs(kinds, FIREWALLS, report);
    programs.push(...(await answerers(pairs)));
    await measure(pairs, FIREWALLS, report);
    for (const firewall of FIREWALLS) conclude(firewall, report);
  } finally {
    report.write();
    for (const program of programs) await program.stop('SIGKILL');
    await run('scripts/lab/in-lab', ['service-down']);
    await run('scripts/lab/in-lab', ['engine-down']);
  }
}

/** Two containers on a network that is made for them. */
function on(variant: Variant, link: LinkNumber): Kind {
  return {
    name: variant.name,
    prepare: () => prepare(variant),
    make: () => containers(variant, firewallOf(link)),
  };
}

function conclude(firewall: HostFirewall, report: PartReport): void {
  for (const mode of MODES) {
    const named = (kind: string) => row(mode, kind, firewall);
    const [bridge, macvlan, ours] = [BRIDGE, MACVLAN, VLANDHCP].map(({ name }) => named(name));
    if (bridge === undefined || macvlan === undefined || ours === undefined) continue;
    const goal = mode.isMoreBetter ? atLeast(0.98) : atMost(1.02);
    if (!isBetter(report.samples(bridge), report.samples(macvlan), mode.isMoreBetter))
      report.ratio(ours, macvlan, goal);
    report.ratio(ours, bridge, goal);
    report.ratio(named(MACVLAN_IPAM.name), macvlan, goal);
    const filterGoal = mode.isMoreBetter ? atLeast(0.99) : atMost(1.01);
    report.ratio(named(OUR_MACVLAN.name), macvlan, filterGoal);
    report.ratio(named(OUR_IPVLAN.name), macvlan);
    report.ratio(ours, named(BARE), filterGoal);
  }
}

function isBetter(one: readonly number[], other: readonly number[], isMoreBetter: boolean) {
  if (one.length === 0 || other.length === 0) return false;
  return median(one) > median(other) === isMoreBetter;
}
