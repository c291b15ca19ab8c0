/**
 * Part `attach`: a whole `docker run --rm` of a program that ends at once, on each kind of network
 * in turn, with each firewall. So it contains everything from CreateEndpoint to DeleteEndpoint, and
 * dockerd's own work.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { docker, lab, run } from '../../test/support/lab/lab.ts';
import { atMost, PartReport } from '../figures/result.ts';
import { inTurn, timed, warmed, way, type Way } from '../figures/turns.ts';
import { FIREWALLS, lacks, OPEN, setFirewall, type HostFirewall } from '../site/firewall.ts';
import { callTimes } from '../site/plugin-log.ts';
import { engineUp, linksUp, serverUp } from '../site/site.ts';
import * as variants from '../site/variants.ts';

const PIPEWORK = 'pipework-like script';
/** This bridge joins eth5 and the containers. */
const PIPEWORK_BRIDGE = 'brpw';
const PIPEWORK_SCRIPT = '/run/bench-pipework';

/** One way of attaching. `refusal` says why it is not available. */
interface Attaching {
  readonly name: string;
  readonly refusal: string | undefined;
  readonly once: () => Promise<unknown>;
}

const row = (name: string, firewall: HostFirewall) => `${name} (${firewall.name})`;

export async function attach(): Promise<void> {
  const report = new PartReport({
    part: 'attach',
    where:
      'host kernel, untagged links, Docker Engine 28.5, state in memory, plugin as a service, dnsmasq without ping',
    method:
      'docker run --rm of `true`, wall time of the command; ways in turn, round by round; in parentheses what the host does with frames between two ports of a bridge',
  });
  linksUp();
  setFirewall(OPEN); // before the engine: it finds forwarding on, and does not change the policy
  const server = await serverUp({ ping: false });
  try {
    await engineUp();
    await lab('service-up');
    const kinds = await attachings();
    const ways = FIREWALLS.flatMap((firewall) => waysWith(firewall, kinds, report));
    await inTurn(ways, warmed(40), report);
    for (const firewall of FIREWALLS) conclude(firewall, report);
    for (const { call, ms } of callTimes()) report.sample(`the plugin's ${call}`, 'ms', ms);
  } finally {
    report.write();
    await run('scripts/lab/in-lab', ['service-down']);
    await run('scripts/lab/in-lab', ['engine-down']);
    await server.stop();
  }
}

function waysWith(
  firewall: HostFirewall,
  kinds: readonly Attaching[],
  report: PartReport,
): readonly Way[] {
  return kinds.flatMap(({ name, refusal, once }) => {
    const title = row(name, firewall);
    report.row(title, 'ms');
    const reason = lacks(firewall) ?? refusal;
    if (reason !== undefined) {
      report.unavailable(title, 'ms', reason);
      return [];
    }
    return way(title, 'ms', () => {
      setFirewall(firewall);
      return timed(once);
    });
  });
}

function conclude(firewall: HostFirewall, report: PartReport): void {
  const { BRIDGE, MACVLAN, MACVLAN_IPAM, VLANDHCP, VLANDHCP_IPAM } = variants;
  const { OUR_MACVLAN, OUR_IPVLAN, OUR_DUAL } = variants;
  const compare = (of: string, to: string, goal?: ReturnType<typeof atMost>) =>
    report.ratio(row(of, firewall), row(to, firewall), goal);
  compare(VLANDHCP.name, BRIDGE.name, atMost(1.05));
  compare(VLANDHCP_IPAM.name, BRIDGE.name, atMost(1.05));
  compare(OUR_DUAL.name, VLANDHCP.name, atMost(1.02));
  compare(MACVLAN_IPAM.name, MACVLAN.name, atMost(1.05));
  compare(OUR_MACVLAN.name, MACVLAN.name, atMost(1.02));
  compare(OUR_IPVLAN.name, MACVLAN.name);
  compare(VLANDHCP.name, MACVLAN.name);
  compare(VLANDHCP.name, PIPEWORK);
}

async function attachings(): Promise<readonly Attaching[]> {
  const { NONE, BRIDGE, MACVLAN, VLANDHCP, VLANDHCP_IPAM, MACVLAN_IPAM } = variants;
  const { OUR_MACVLAN, OUR_IPVLAN, OUR_DUAL } = variants;
  const dockers = [NONE, BRIDGE, MACVLAN];
  const all: Attaching[] = [];
  for (const variant of [
    ...dockers,
    VLANDHCP,
    OUR_DUAL,
    VLANDHCP_IPAM,
    MACVLAN_IPAM,
    OUR_MACVLAN,
    OUR_IPVLAN,
  ]) {
    const command = ['run', '--rm', '--network', variant.network, 'bb', 'true'];
    const refusal = await variants.prepare(variant);
    if (variant === OUR_DUAL && refusal === undefined) {
      await docker('run', '-d', '--name', 'dual', '--network', variant.network, 'bb');
    }
    all.push({ name: variant.name, refusal, once: () => docker(...command) });
  }
  // A failure here only costs the script's rows. They report it in their first round.
  const prepared = preparePipework().then(
    () => undefined,
    (error: Error) => error,
  );
  const once = async () => {
    const trouble = await prepared;
    if (trouble !== undefined) throw trouble;
    await mustRun('sh', PIPEWORK_SCRIPT);
  };
  return [...all, { name: PIPEWORK, refusal: undefined, once }];
}

/**
 * What people did without a plugin: start a container without a network, move a veth into it, and
 * run a DHCP client there. The container cannot end by itself, so it is killed. The other steps are
 * those of the rows above.
 */
async function preparePipework(): Promise<void> {
  await mustRun('ip', 'link', 'add', PIPEWORK_BRIDGE, 'type', 'bridge');
  await mustRun('ip', 'link', 'set', 'eth5', 'master', PIPEWORK_BRIDGE);
  await mustRun('ip', 'link', 'set', PIPEWORK_BRIDGE, 'up');
  // With br_netfilter, bridged frames pass Docker's FORWARD chain.
  const own = ['-i', PIPEWORK_BRIDGE, '-o', PIPEWORK_BRIDGE, '-j', 'ACCEPT'];
  await mustRun('iptables', '-w', '-I', 'DOCKER-USER', ...own);
  const lease = '/run/bench-lease';
  writeFileSync(
    lease,
    `#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
ip route add default via 10.25.0.1
`,
  );
  chmodSync(lease, 0o755);
  writeFileSync(
    PIPEWORK_SCRIPT,
    `set -e
id=$(docker run -d --net=none bb sleep 1000)
trap 'docker rm -f "$id" >/dev/null' EXIT
pid=$(docker inspect -f '{{.State.Pid}}' "$id")
ip link add pw$pid type veth peer name pg$pid
ip link set pw$pid master ${PIPEWORK_BRIDGE}
ip link set pw$pid up
ip link set pg$pid netns $pid
nsenter -t $pid -n ip link set pg$pid name eth1
nsenter -t $pid -n ip link set eth1 up
said=$(nsenter -t $pid -n busybox udhcpc -q -n -i eth1 -s ${lease} 2>&1) ||
  { echo "udhcpc has no lease on ${PIPEWORK_BRIDGE}: $said" >&2; exit 1; }
`,
  );
}

/** @throws Error with the output of the program. If there is none, the text says so. */
async function mustRun(file: string, ...args: string[]): Promise<void> {
  const { status, stdout, stderr } = await run(file, args);
  if (status === 0) return;
  const said = stderr.trim() || stdout.trim() || 'it said nothing';
  throw new Error(`${file} ${args.join(' ')} ended with ${status}: ${said}`);
}
