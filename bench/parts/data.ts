/**
 * Part `data`: what frames cost once a container runs. iperf3 and sockperf between a container and the firewall, and
 * between two containers, on each kind of network in turn. `bare veth` is our links without our sockets: two
 * namespaces on the same bridge, which tells what the sockets' filters cost.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { docker, lab, run } from '../../test/support/lab.ts';
import { ipBatch } from '../site/driver.ts';
import { rounds } from '../options.ts';
import { start, type Program } from '../site/process.ts';
import { atLeast, atMost, PartReport } from '../figures/result.ts';
import { engineUp, firewallOf, linksUp, serverUp, subnetOf } from '../site/site.ts';
import { median } from '../figures/statistics.ts';
import {
  BRIDGE,
  MACVLAN,
  MACVLAN_IPAM,
  prepare,
  VLANDHCP,
  type Variant,
} from '../site/variants.ts';

const BARE = 'bare veth on our bridge';
const SECONDS = '2';
const PING_PONG_SECONDS = '1';

/** Two hosts of one kind, and where the firewall is from there. */
interface Pair {
  readonly name: string;
  /** What puts a command into the first and the second. */
  readonly first: readonly string[];
  readonly second: readonly string[];
  readonly secondAddress: string;
  readonly firewall: string;
}

interface Mode {
  readonly name: string;
  readonly unit: string;
  readonly isMoreBetter: boolean;
  readonly measure: (pair: Pair) => Promise<number>;
}

const MODES: readonly Mode[] = [
  {
    name: 'container to firewall, TCP',
    unit: 'Gbit/s',
    isMoreBetter: true,
    measure: (pair) => gigabits(pair.first, pair.firewall),
  },
  {
    name: 'firewall to container, TCP',
    unit: 'Gbit/s',
    isMoreBetter: true,
    measure: (pair) => gigabits(pair.first, pair.firewall, '-R'),
  },
  {
    name: 'container to container, TCP',
    unit: 'Gbit/s',
    isMoreBetter: true,
    measure: (pair) => gigabits(pair.first, pair.secondAddress),
  },
  {
    name: 'firewall to container, 64-byte UDP',
    unit: 'kpackets/s',
    isMoreBetter: true,
    measure: (pair) => packets(pair.first, pair.firewall),
  },
  {
    name: 'round trip to the firewall',
    unit: 'µs',
    isMoreBetter: false,
    measure: (pair) => roundTrip(pair.first, pair.firewall),
  },
  {
    name: 'round trip to a container',
    unit: 'µs',
    isMoreBetter: false,
    measure: (pair) => roundTrip(pair.first, pair.secondAddress),
  },
];

export async function data(): Promise<void> {
  const report = new PartReport({
    part: 'data',
    where:
      'host kernel, untagged links, Docker Engine 28.5, the firewall is a namespace: memory speed, no wire',
    method: `iperf3 for ${SECONDS} s, sockperf ping-pong over TCP for ${PING_PONG_SECONDS} s; kinds of network in turn, round by round`,
  });
  linksUp();
  const programs: Program[] = [await serverUp({ ping: false })];
  try {
    await engineUp();
    await lab('service-up');
    const pairs = [
      await containers(BRIDGE, firewallOf(5)),
      await containers(MACVLAN, firewallOf(3)),
      await containers(VLANDHCP, firewallOf(1)),
      bare(),
      await containers(MACVLAN_IPAM, firewallOf(4)),
    ].flatMap((pair) => pair ?? []);
    for (const mode of pairs.some(({ name }) => name === MACVLAN_IPAM.name) ? [] : MODES) {
      report.unavailable(row(mode, MACVLAN_IPAM.name), mode.unit, 'the network could not be made');
    }
    // Docker's bridge reaches the firewall by way of this machine, which hides it behind its own address.
    ipBatch(['address add 10.25.0.2/16 dev eth5']);
    for (const where of [['ip', 'netns', 'exec', 'fw'], ...pairs.map(({ second }) => second)]) {
      programs.push(start([...where, 'iperf3', '-s']));
      programs.push(start([...where, 'sockperf', 'server', '--tcp', '-i', '0.0.0.0']));
    }
    await delay(1000);
    await measure(pairs, report);
    conclude(report);
  } finally {
    report.write();
    for (const program of programs) await program.stop('SIGKILL');
    await run('scripts/lab/in-lab', ['service-down']);
    await run('scripts/lab/in-lab', ['engine-down']);
  }
}

async function measure(pairs: readonly Pair[], report: PartReport): Promise<void> {
  for (const mode of MODES) {
    for (let round = 0; round < rounds(12); round += 1) {
      for (const pair of pairs) {
        report.sample(`${mode.name}: ${pair.name}`, mode.unit, await mode.measure(pair));
      }
    }
  }
}

const row = ({ name }: Mode, kind: string) => `${name}: ${kind}`;

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

async function containers(variant: Variant, firewall: string): Promise<Pair | undefined> {
  if ((await prepare(variant)) !== undefined) return undefined;
  const made: { enter: string[]; address: string }[] = [];
  for (let number = 0; number < 2; number += 1) {
    const id = await docker('run', '-d', '--network', variant.network, 'bb');
    const format = `{{.State.Pid}} {{(index .NetworkSettings.Networks "${variant.network}").IPAddress}}`;
    const [pid = '', address = ''] = (await docker('inspect', '-f', format, id)).split(' ');
    made.push({ enter: ['nsenter', '-t', pid, '-n'], address });
  }
  const [first, second] = made;
  if (first === undefined || second === undefined) throw new Error('two were made');
  return {
    name: variant.name,
    first: first.enter,
    second: second.enter,
    secondAddress: second.address,
    firewall,
  };
}

/** Our bridge, veth and sysctls by hand; nobody listens for leases. */
function bare(): Pair {
  const enter = ['a', 'b'].map((letter, index) => {
    const name = `bare${letter}`;
    ipBatch([
      `netns add ${name}`,
      `link add ${name} type veth peer name eth0 netns ${name}`,
      `link set ${name} master br-eth1 up`,
    ]);
    const address = `10.21.128.${index + 1}/${subnetOf(1).split('/')[1]}`;
    ipBatch([`link set lo up`, `address add ${address} dev eth0`, `link set eth0 up`], name);
    return ['ip', 'netns', 'exec', name];
  });
  const [first = [], second = []] = enter;
  return { name: BARE, first, second, secondAddress: '10.21.128.2', firewall: firewallOf(1) };
}

interface IperfResult {
  readonly error?: string;
  readonly end: {
    readonly sum_received: { readonly bits_per_second: number };
    readonly sum: {
      readonly packets: number;
      readonly lost_packets: number;
      readonly seconds: number;
    };
  };
}

async function iperf(
  enter: readonly string[],
  to: string,
  ...more: string[]
): Promise<IperfResult['end']> {
  const [file = '', ...args] = [...enter, 'iperf3', '-J', '-t', SECONDS, '-c', to, ...more];
  const { stdout, stderr } = await run(file, args);
  const result = JSON.parse(stdout) as IperfResult;
  if (result.error !== undefined) throw new Error(`iperf3 to ${to}: ${result.error} ${stderr}`);
  return result.end;
}

async function gigabits(enter: readonly string[], to: string, ...more: string[]): Promise<number> {
  return (await iperf(enter, to, ...more)).sum_received.bits_per_second / 1e9;
}

async function packets(enter: readonly string[], from: string): Promise<number> {
  const { sum } = await iperf(enter, from, '-R', '-u', '-b', '0', '-l', '64');
  return (sum.packets - sum.lost_packets) / sum.seconds / 1000;
}

async function roundTrip(enter: readonly string[], to: string): Promise<number> {
  const [file = '', ...args] = [
    ...enter,
    'sockperf',
    'pp',
    '--tcp',
    '-i',
    to,
    '-t',
    PING_PONG_SECONDS,
    '-m',
    '64',
  ];
  const { stdout, stderr } = await run(file, args);
  const [, latency] = /Summary: Latency is ([\d.]+) usec/.exec(stdout) ?? [];
  if (latency === undefined) throw new Error(`sockperf to ${to}: ${stdout} ${stderr}`);
  return Number(latency) * 2; // it tells half of the round trip
}
