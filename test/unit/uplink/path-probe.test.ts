/** The shell of the probe, on loopback: when it probes, what it tells, and when it tells again. */
import type { Socket } from 'node:dgram';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { REGISTRAR_PORT } from '../../../plugin/uplink/desired.ts';
import { PathProbe } from '../../../plugin/uplink/path/path-probe.ts';
import { openWholeSocket } from '../../../plugin/uplink/path/whole-socket.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';

const WAY = { own: '127.77.0.2', hub: '127.77.0.1' };
let echo: Socket;
let longest: number;
let clock: FakeClock;
let used: number[];
let told: number[];
let isHeard: boolean;
let sent: number;
let words: number;
let probe: PathProbe;

beforeEach(async () => {
  longest = 1500;
  [used, told, isHeard, sent, words] = [[], [], true, 0, 0];
  clock = new FakeClock();
  echo = await openWholeSocket(WAY.hub, REGISTRAR_PORT);
  echo.on('message', (message, { address, port }) => {
    sent += 1;
    if (message.length + 28 <= longest) echo.send(message, port, address);
  });
  probe = new PathProbe({
    ...{ clock, log: new MemoryLogger(), limit: () => Promise.resolve(Infinity) },
    onWord: () => (words += 1),
    use: (mtu) => Promise.resolve(void used.push(mtu)),
    tell: (_, mtu) => {
      told.push(mtu);
      return Promise.resolve(isHeard);
    },
  });
});
afterEach(() => {
  probe.close();
  echo.close();
});

/** The fake clock does not move by itself, and datagrams take their time. */
async function hears(mtu: number): Promise<void> {
  probe.heard(WAY);
  await expect.poll(async () => (await clock.pass(100), probe.mtu)).toBe(mtu);
}

it('probes with the first word, and not with the next ones', async () => {
  await hears(1420);
  await expect.poll(() => told).toEqual([1420]);
  const before = sent;
  probe.heard(WAY);
  expect([used, sent]).toEqual([[1420], before]);
});

it('probes again where the way is in doubt, and tells the hub also what it knows', async () => {
  await hears(1420);
  await expect.poll(() => told.length).toBe(1);
  probe.doubt();
  probe.heard(WAY);
  await expect.poll(() => told).toEqual([1420, 1420]);
  expect(used).toEqual([1420]);
});

it('a hub that was not told is told with the next word', async () => {
  isHeard = false;
  await hears(1420);
  await expect.poll(() => told.length).toBe(1);
  isHeard = true;
  probe.heard(WAY);
  await expect.poll(() => told).toEqual([1420, 1420]);
});

it('a way that becomes narrow is noticed by one packet that does not come back', async () => {
  await hears(1420);
  longest = 1280;
  await clock.pass(10_000);
  expect(probe.check()).toBe(true);
  await hears(1276);
  expect(used).toEqual([1420, 1276]);
});

it('each 7.5 s a packet takes the place of the word, and its answer is one', async () => {
  expect(probe.check()).toBe(false);
  await hears(1420);
  await expect.poll(() => told).toEqual([1420]);
  expect(probe.check()).toBe(false);
  await clock.pass(7_500);
  const before = sent;
  expect([probe.check(), probe.check()]).toEqual([true, false]);
  await expect.poll(() => words).toBe(1);
  expect(sent).toBe(before + 1);
  probe.doubt();
  await clock.pass(10_000);
  expect(probe.check()).toBe(false);
});
