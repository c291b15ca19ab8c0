/**
 * Part `attach`: a whole `docker run --rm` of a program that ends at once, on each kind of network, in turn. So it
 * contains everything from CreateEndpoint to DeleteEndpoint, and dockerd's own work.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { docker, lab, run } from '../../test/support/lab.ts';
import { rounds } from '../options.ts';
import { atMost, PartReport } from '../figures/result.ts';
import { callTimes } from '../site/plugin-log.ts';
import { engineUp, linksUp, serverUp } from '../site/site.ts';
import * as variants from '../site/variants.ts';

const PIPEWORK = 'pipework-like script';
/** Its bridge joins eth5 and the containers. */
const PIPEWORK_BRIDGE = 'brpw';

interface Way {
  readonly name: string;
  readonly run: () => Promise<unknown>;
}

export async function attach(): Promise<void> {
  const report = new PartReport({
    part: 'attach',
    where:
      'host kernel, untagged links, Docker Engine 28.5, state in memory, plugin as a service, dnsmasq without ping',
    method: 'docker run --rm of `true`, wall time of the command; ways in turn, round by round',
  });
  linksUp();
  const server = await serverUp({ ping: false });
  try {
    await engineUp();
    await lab('service-up');
    const ways = await available(report);
    const count = rounds(40);
    for (let round = -2; round < count; round += 1) {
      for (const { name, run: attachOnce } of ways) {
        const before = performance.now();
        await attachOnce();
        if (round >= 0) report.sample(name, 'ms', performance.now() - before);
      }
    }
    const { BRIDGE, MACVLAN, MACVLAN_IPAM, VLANDHCP, VLANDHCP_IPAM } = variants;
    report.ratio(VLANDHCP.name, BRIDGE.name, atMost(1.05));
    report.ratio(VLANDHCP_IPAM.name, BRIDGE.name, atMost(1.05));
    report.ratio(MACVLAN_IPAM.name, MACVLAN.name, atMost(1.05));
    report.ratio(VLANDHCP.name, MACVLAN.name);
    report.ratio(VLANDHCP.name, PIPEWORK);
    for (const { call, ms } of callTimes()) report.sample(`the plugin's ${call}`, 'ms', ms);
  } finally {
    report.write();
    await run('scripts/lab/in-lab', ['service-down']);
    await run('scripts/lab/in-lab', ['engine-down']);
    await server.stop();
  }
}

async function available(report: PartReport): Promise<Way[]> {
  const { NONE, BRIDGE, MACVLAN, VLANDHCP, VLANDHCP_IPAM, MACVLAN_IPAM } = variants;
  const ways: Way[] = [];
  for (const variant of [NONE, BRIDGE, MACVLAN, VLANDHCP, VLANDHCP_IPAM, MACVLAN_IPAM]) {
    report.row(variant.name, 'ms');
    const refusal = await variants.prepare(variant);
    const command = ['run', '--rm', '--network', variant.network, 'bb', 'true'];
    if (refusal !== undefined) report.unavailable(variant.name, 'ms', refusal);
    else ways.push({ name: variant.name, run: () => docker(...command) });
  }
  const script = await preparePipework();
  ways.push({ name: PIPEWORK, run: () => mustRun('sh', script) });
  return ways;
}

/**
 * What people have been doing by hand: a container without network, a veth moved into it, a DHCP client run there.
 * The container cannot end by itself, so it is killed; else the steps are those of the rows above.
 */
async function preparePipework(): Promise<string> {
  await mustRun('ip', 'link', 'add', PIPEWORK_BRIDGE, 'type', 'bridge');
  await mustRun('ip', 'link', 'set', 'eth5', 'master', PIPEWORK_BRIDGE);
  await mustRun('ip', 'link', 'set', PIPEWORK_BRIDGE, 'up');
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
  const script = '/run/bench-pipework';
  writeFileSync(
    script,
    `set -e
id=$(docker run -d --net=none bb sleep 1000)
pid=$(docker inspect -f '{{.State.Pid}}' "$id")
ip link add pw$pid type veth peer name pg$pid
ip link set pw$pid master ${PIPEWORK_BRIDGE}
ip link set pw$pid up
ip link set pg$pid netns $pid
nsenter -t $pid -n ip link set pg$pid name eth1
nsenter -t $pid -n ip link set eth1 up
nsenter -t $pid -n busybox udhcpc -q -n -i eth1 -s ${lease} >/dev/null 2>&1
docker rm -f "$id" >/dev/null
`,
  );
  return script;
}

async function mustRun(file: string, ...args: string[]): Promise<void> {
  const { status, stderr } = await run(file, args);
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`);
}
