/**
 * Traffic between two hosts of one kind, and between one of them and the firewall: iperf3 and sockperf, measured in
 * turn round by round.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { docker, run } from '../../test/support/lab.ts';
import type { PartReport } from '../figures/result.ts';
import { rounds } from '../options.ts';
import { ipBatch } from './driver.ts';
import { start, type Program } from './process.ts';
import { firewallOf, subnetOf, type LinkNumber } from './site.ts';
import type { Variant } from './variants.ts';

const SECONDS = '2';
const PING_PONG_SECONDS = '1';

/** Two hosts of one kind, and where the firewall is from there. */
export interface Pair {
  readonly name: string;
  /** What puts a command into the first and the second. */
  readonly first: readonly string[];
  readonly second: readonly string[];
  readonly secondAddress: string;
  readonly firewall: string;
}

export interface Mode {
  readonly name: string;
  readonly unit: string;
  readonly isMoreBetter: boolean;
  readonly measure: (pair: Pair) => Promise<number>;
}

export const MODES: readonly Mode[] = [
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

export const TRAFFIC_METHOD = `iperf3 for ${SECONDS} s, sockperf ping-pong over TCP for ${PING_PONG_SECONDS} s; kinds in turn, round by round`;

export const row = ({ name }: Mode, kind: string) => `${name}: ${kind}`;

/** Starts what answers at the firewall and at each pair's second host. */
export async function answerers(pairs: readonly Pair[]): Promise<Program[]> {
  const programs: Program[] = [];
  for (const where of [['ip', 'netns', 'exec', 'fw'], ...pairs.map(({ second }) => second)]) {
    programs.push(start([...where, 'iperf3', '-s']));
    programs.push(start([...where, 'sockperf', 'server', '--tcp', '-i', '0.0.0.0']));
  }
  await delay(1000);
  return programs;
}

export async function measure(pairs: readonly Pair[], report: PartReport): Promise<void> {
  for (const mode of MODES) {
    for (let round = 0; round < rounds(12); round += 1) {
      for (const pair of pairs) {
        report.sample(row(mode, pair.name), mode.unit, await mode.measure(pair));
      }
    }
  }
}

/** Two containers on a network that is there. @param more what their `--network` says besides its name */
export async function containers(
  { name, network }: Variant,
  firewall: string,
  more: readonly string[] = [],
): Promise<Pair> {
  const made: { enter: string[]; address: string }[] = [];
  for (let number = 0; number < 2; number += 1) {
    // The short form is the only one that Docker's own bridge takes.
    const attached = more.length === 0 ? network : [`name=${network}`, ...more].join(',');
    const id = await docker('run', '-d', '--network', attached, 'bb');
    const format = `{{.State.Pid}} {{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
    const [pid = '', address = ''] = (await docker('inspect', '-f', format, id)).split(' ');
    made.push({ enter: ['nsenter', '-t', pid, '-n'], address });
  }
  const [first, second] = made;
  if (first === undefined || second === undefined) throw new Error('two were made');
  return {
    name,
    first: first.enter,
    second: second.enter,
    secondAddress: second.address,
    firewall,
  };
}

/** Two namespaces by hand, with a veth each in a bridge of link `n`; nobody listens for leases or guards a port. */
export function bareHosts(name: string, bridge: string, n: LinkNumber): Pair {
  const enter = ['a', 'b'].map((letter, index) => {
    const host = `bare${n}${letter}`;
    ipBatch([
      `netns add ${host}`,
      `link add ${host} type veth peer name eth0 netns ${host}`,
      `link set ${host} master ${bridge} up`,
    ]);
    const address = `10.2${n}.128.${index + 1}/${subnetOf(n).split('/')[1]}`;
    ipBatch([`link set lo up`, `address add ${address} dev eth0`, `link set eth0 up`], host);
    return ['ip', 'netns', 'exec', host];
  });
  const [first = [], second = []] = enter;
  return { name, first, second, secondAddress: `10.2${n}.128.2`, firewall: firewallOf(n) };
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
