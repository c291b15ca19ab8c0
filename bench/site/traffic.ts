/**
 * Measures traffic between two hosts of one kind, and between one of them and the firewall: iperf3
 * and sockperf, in turn, round by round.
 */
import { run } from '../../test/support/lab/lab.ts';
import type { PartReport } from '../figures/result.ts';
import { failed, inTurn, warmed, way } from '../figures/turns.ts';
import { lacks, setFirewall, type HostFirewall } from './firewall.ts';
import type { Kind, Pair } from './hosts.ts';
import { start, type Program } from './process.ts';

const SECONDS = '2';
const PING_PONG_SECONDS = '1';
const LISTENS_WITHIN_MS = 10_000;
/** A program that does not come to its end costs its row, not the part. */
const BOUND = ['timeout', '60'];

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

export const row = ({ name }: Mode, kind: string, firewall: HostFirewall) =>
  `${name}: ${kind} (${firewall.name})`;

/**
 * Makes the hosts of each kind. A kind that cannot be made only loses its own rows, which say why.
 */
export async function makePairs(
  kinds: readonly Kind[],
  firewalls: readonly HostFirewall[],
  report: PartReport,
): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (const mode of MODES) {
    for (const firewall of firewalls) {
      for (const { name } of kinds) report.row(row(mode, name, firewall), mode.unit);
    }
  }
  for (const { name, prepare, make } of kinds) {
    const rows = MODES.flatMap((mode) =>
      firewalls.map((firewall) => ({ name: row(mode, name, firewall), unit: mode.unit })),
    );
    try {
      const refusal = await prepare?.();
      if (refusal === undefined) pairs.push(await make());
      else for (const { name, unit } of rows) report.unavailable(name, unit, refusal);
    } catch (error) {
      failed(rows, error, report);
    }
  }
  return pairs;
}

/** Starts the answering programs at the firewall and at each pair's second host. */
export async function answerers(pairs: readonly Pair[]): Promise<Program[]> {
  const programs: Program[] = [];
  const places = [['ip', 'netns', 'exec', 'fw'], ...pairs.map(({ second }) => second)];
  for (const where of places) {
    programs.push(start([...where, 'iperf3', '-s']));
    programs.push(start([...where, 'sockperf', 'server', '--tcp', '-i', '0.0.0.0']));
  }
  // A program that does not listen by then fails in its own rows.
  const by = performance.now() + LISTENS_WITHIN_MS;
  for (const where of places) while (!(await listens(where)) && performance.now() < by);
  return programs;
}

/** True if both programs wait for connections there. */
async function listens([file = '', ...args]: readonly string[]): Promise<boolean> {
  const ports = ['sport', '=', ':5201', 'or', 'sport', '=', ':11111'];
  const { stdout } = await run(file, [...args, 'ss', '-Hltn', ...ports]);
  return stdout.trim().split('\n').length === 2;
}

export async function measure(
  pairs: readonly Pair[],
  firewalls: readonly HostFirewall[],
  report: PartReport,
): Promise<void> {
  const possible = firewalls.filter((firewall) => {
    const reason = lacks(firewall);
    for (const mode of reason === undefined ? [] : MODES) {
      for (const { name } of pairs) {
        report.unavailable(row(mode, name, firewall), mode.unit, reason ?? '');
      }
    }
    return reason === undefined;
  });
  for (const mode of MODES) {
    const ways = possible.flatMap((firewall) =>
      pairs.map((pair) =>
        way(row(mode, pair.name, firewall), mode.unit, () => {
          setFirewall(firewall);
          return mode.measure(pair);
        }),
      ),
    );
    await inTurn(ways, warmed(12, 0), report);
  }
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
  const [file = '', ...args] = [
    ...enter,
    ...BOUND,
    'iperf3',
    '-J',
    '-t',
    SECONDS,
    '-c',
    to,
    ...more,
  ];
  const { status, stdout, stderr } = await run(file, args);
  if (stdout.trim() === '')
    throw new Error(`iperf3 to ${to} ended with ${status}: ${stderr.trim() || 'it said nothing'}`);
  const result = JSON.parse(stdout) as IperfResult;
  if (result.error !== undefined) throw new Error(`iperf3 to ${to}: ${result.error} ${stderr}`);
  return result.end;
}

export async function gigabits(
  enter: readonly string[],
  to: string,
  ...more: string[]
): Promise<number> {
  return (await iperf(enter, to, ...more)).sum_received.bits_per_second / 1e9;
}

async function packets(enter: readonly string[], from: string): Promise<number> {
  const { sum } = await iperf(enter, from, '-R', '-u', '-b', '0', '-l', '64');
  return (sum.packets - sum.lost_packets) / sum.seconds / 1000;
}

async function roundTrip(enter: readonly string[], to: string): Promise<number> {
  const [file = '', ...args] = [
    ...enter,
    ...BOUND,
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
  return Number(latency) * 2; // sockperf prints half of the round trip
}
