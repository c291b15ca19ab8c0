/**
 * Part `engine`: how many leases a second the DHCP client acquires and renews on one core, without
 * Docker, links or disk. Over memory it measures the client (codec, machine, runner) and the
 * responder. Over a veth the same clients have real packet sockets, and the responder is a process
 * on the other core.
 */
import { execFileSync } from 'node:child_process';
import type { Clock } from '../../plugin/clock.ts';
import { createClock } from '../../plugin/clock.ts';
import { ClientRunner } from '../../plugin/leasing/client-runner.ts';
import type { OpenSocket } from '../../plugin/leasing/sockets/frame-socket.ts';
import { createLogger } from '../../plugin/logger.ts';
import { boottime } from '../../plugin/net/boottime.ts';
import { openLeaseSocket } from '../../plugin/net/sockets/lease-socket.ts';
import type { Instant } from '../../plugin/vocabulary/time.ts';
import type { Lease } from '../../plugin/vocabulary/lease.ts';
import { parseMac, type Mac } from '../../plugin/wire/address.ts';
import { clientConfig, SERVER_MAC } from '../../test/support/frames/messages.ts';
import { createAnswering } from '../site/server/answering.ts';
import { inTurn, warmed, type Way } from '../figures/turns.ts';
import { OPEN, setFirewall } from '../site/firewall.ts';
import { SELF, start } from '../site/process.ts';
import { atLeast, PartReport } from '../figures/result.ts';
import { median } from '../figures/statistics.ts';

const LEASE_SEC = 3600;
/** The clients of one round, and how many of them ask at the same time. */
const CLIENTS = { memory: 2000, veth: 500 };
const AT_ONCE = 16;

/**
 * A clock with real time that can be moved ahead. So a renewal becomes due when the benchmark wants
 * it.
 */
class ShiftableClock implements Clock {
  readonly #clock = createClock(boottime);
  readonly bootId = boottime.bootId;
  shift = 0;
  now = (): Instant => this.#clock.now() + this.shift;
  wall = () => this.#clock.wall() + this.shift;
  at = (instant: Instant, fn: () => void) => this.#clock.at(instant - this.shift, fn);
}

interface Bound {
  readonly runner: ClientRunner;
  /**
   * Each client has its own clock. With one clock for all, a lease would expire during its renewal.
   */
  readonly clock: ShiftableClock;
  lease: Lease;
  /** Called at each change of the lease. */
  changed: (this: void) => void;
}

/** The place of one worker's clients: a link of a bridge, like an endpoint's. */
interface Seat {
  readonly link: string;
  readonly mac: Mac;
}

const seats: readonly Seat[] = Array.from({ length: AT_ONCE }, (_, index) => {
  const mac = parseMac(`02:be:00:00:00:${index.toString(16).padStart(2, '0')}`);
  if (mac === undefined) throw new Error('no MAC');
  return { link: `c${index}`, mac };
});

/** Makes the seats on a bridge, and the responder's link behind its uplink. */
function makeLinks(): void {
  const lines = [
    'link add br0 type bridge',
    'link add up0 type veth peer name lan',
    'link set up0 master br0 up',
    'link set lan up',
    'link set br0 up',
    ...seats.flatMap(({ link, mac }) => [
      `link add h${link} type veth peer name ${link} address ${mac}`,
      `link set h${link} master br0 up`,
      `link set ${link} up`,
    ]),
  ];
  execFileSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Starts a client and waits for its lease. */
function acquire(open: OpenSocket, { link, mac }: Seat): Promise<Bound> {
  const clock = new ShiftableClock();
  return new Promise((resolve, reject) => {
    const ignore = () => undefined;
    const runner = new ClientRunner(clientConfig({ mac }), {
      clock,
      random: Math.random,
      openSocket: open,
      log,
      onLease: ({ lease }) => {
        bound.lease = lease;
        bound.changed();
      },
      onRefused: () => reject(new Error('refused')),
      onStranger: ignore,
      onCheck: ignore,
      onMoved: ignore,
      mayDecline: () => true,
    });
    const bound: Bound = {
      runner,
      clock,
      lease: undefined as unknown as Lease, // it is set before anybody reads it
      changed: () => resolve(bound),
    };
    runner.open({ link }, reject);
    runner.dispatch({ type: 'start' });
  });
}

function renew(bound: Bound): Promise<void> {
  return new Promise((resolve) => {
    bound.changed = resolve;
    bound.clock.shift += Math.max(0, bound.lease.t1At - bound.clock.now());
    bound.runner.dispatch({ type: 'tick' });
  });
}

const log = createLogger('warn');

function overMemory(): OpenSocket {
  const answerTo = createAnswering({ mac: SERVER_MAC, prefix: '10.100', leaseSec: LEASE_SEC });
  return (_place, _mac, handlers) => ({
    listen: () => undefined,
    send: (frame) => {
      const answer = answerTo(frame);
      if (answer !== undefined)
        queueMicrotask(() => handlers.onFrame(answer.frame, { checksumReady: true }));
    },
    sendFromLink: () => undefined,
    close: () => undefined,
  });
}

/**
 * AT_ONCE workers do the work in turn.
 * @returns the rates per second of wall time, and per second of this process's own time.
 */
async function pace(
  count: number,
  work: (seat: Seat) => Promise<unknown>,
): Promise<[number, number]> {
  let left = count;
  const cpuBefore = process.cpuUsage();
  const before = performance.now();
  const worker = async (seat: Seat) => {
    while (left-- > 0) await work(seat);
  };
  await Promise.all(seats.map(worker));
  const wall = (performance.now() - before) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  return [count / wall, count / ((cpu.user + cpu.system) / 1e6)];
}

export async function engine(): Promise<void> {
  const report = new PartReport({
    part: 'engine',
    where: 'host kernel, private namespace, no Docker',
    method: `ClientRunner, ${AT_ONCE} asking at once; memory: responder in the same thread; veth: real packet sockets, opened per lease, responder in a process of its own`,
  });
  makeLinks();
  setFirewall(OPEN);
  const server = start([...SELF, 'responder', String(LEASE_SEC), '-', 'lan=10.100']);
  try {
    await server.said('ready');
    const variants: readonly Variant[] = [
      { name: 'memory', open: overMemory(), clients: CLIENTS.memory },
      { name: 'veth', open: openLeaseSocket, clients: CLIENTS.veth },
    ];
    await inTurn(variants.map(wayOf), warmed(15), report);
    for (const { name } of variants) {
      const samples = report.samples(`${name}: acquired, per second of its core`);
      if (samples.length === 0) continue; // its row says why
      const value = median(samples);
      const { text, isGood } = atLeast(3000, ' DORA/s on one core');
      report.fact(`${name}: DORA per core`, value, '/s', { text, isMet: isGood(value) });
    }
  } finally {
    report.write();
    await server.stop();
  }
}

interface Variant {
  readonly name: string;
  readonly open: OpenSocket;
  readonly clients: number;
}

function wayOf({ name, open, clients }: Variant): Way {
  const rows = ['acquired (DORA)', 'acquired, per second of its core', 'renewed', 'renewed, per second of its core']; // prettier-ignore
  return {
    rows: rows.map((what) => ({ name: `${name}: ${what}`, unit: '/s' })),
    run: async () => {
      const once = async (seat: Seat) => (await acquire(open, seat)).runner.stop();
      const acquired = await pace(clients, once);
      // One client for each seat is renewed again and again. Each has its socket open, as in real
      // use.
      const bound = new Map<Seat, Bound>();
      for (const seat of seats) bound.set(seat, await acquire(open, seat));
      const again = async (seat: Seat) => {
        const client = bound.get(seat);
        if (client !== undefined) await renew(client);
      };
      const renewed = await pace(clients, again);
      for (const { runner } of bound.values()) runner.stop();
      return [...acquired, ...renewed];
    },
  };
}
