import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventBus } from '../../../plugin/events/event-bus.ts';
import { EventFile } from '../../../plugin/events/event-file.ts';
import type { RecordedEvent } from '../../../plugin/events/events.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';

let folder: string;
const clock = new FakeClock();
const troubles: string[] = [];
const open = (size = 5) =>
  new EventFile(folder, { size, clock, onTrouble: (error) => troubles.push(String(error)) });
const event = (id: number): RecordedEvent => ({
  ...{ id, at: '2026-11-28T03:00:00.000Z', type: 'plugin.started', version: String(id) },
});
const ids = (events: readonly RecordedEvent[]) => events.map(({ id }) => id);

async function written(from: number, to: number): Promise<void> {
  const file = open();
  await file.load();
  for (let id = from; id <= to; id += 1) {
    file.append(event(id));
    await file.flush();
  }
  await file.close();
}

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'vlandhcp-events-')), 'events');
  troubles.length = 0;
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

describe('the history on disk', () => {
  it('survives a restart, in a folder and a file that only root may read', async () => {
    await written(1, 3);
    expect(await open().load()).toEqual([event(1), event(2), event(3)]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'events.ndjson')).mode & 0o777).toBe(0o600);
  });

  it('keeps at least as many events as wanted, and at most twice as many on disk', async () => {
    for (let from = 1; from <= 91; from += 10) await written(from, from + 9);
    expect(ids(await open().load())).toEqual([96, 97, 98, 99, 100]);
    const lines = readdirSync(folder).flatMap((name) =>
      readFileSync(join(folder, name), 'utf8').trim().split('\n'),
    );
    expect(lines.length).toBeLessThanOrEqual(10);
  });

  it('what the disk did not take is written when it does', async () => {
    const file = open(100);
    await file.load();
    mkdirSync(join(folder, 'events.ndjson'));
    file.append(event(1));
    await file.flush();
    expect(troubles.length).toBe(1);
    rmSync(join(folder, 'events.ndjson'), { recursive: true });
    file.append(event(2));
    await file.flush();
    await file.close();
    expect(ids(await open(100).load())).toEqual([1, 2]);
  });

  it('is written a second after the event, and many events at once', async () => {
    const file = open(100);
    await file.load();
    for (let id = 1; id <= 20; id += 1) file.append(event(id));
    expect(clock.pending).toBe(1);
    await clock.pass(1_000);
    await file.flush();
    expect(ids(await open(100).load())).toHaveLength(20);
  });

  it.each([
    ['half a line, as a crash leaves it', '{"id":9,"at":"2026'],
    ['what is not JSON', 'nonsense\n'],
    ['a type that this version does not know', '{"id":9,"at":"x","type":"lease.sold"}\n'],
    ['a value that is no event', 'null\n7\n[]\n{"type":"plugin.started"}\n'],
    ['a number that was given before', `${JSON.stringify(event(1))}\n`],
  ])('leaves out %s, and goes on behind it', async (_what, text) => {
    await written(1, 2);
    writeFileSync(join(folder, 'events.ndjson'), text, { flag: 'a' });
    await written(10, 11);
    expect(ids(await open(50).load())).toEqual([1, 2, 10, 11]);
    expect(troubles).toEqual([]);
  });

  const line = (parts: object) => `${JSON.stringify({ ...event(7), ...parts })}\n`;

  it.each([
    ['a number that is none', line({}).replace('"id":7', '"id":1e999')],
    ['a number that cannot grow', line({ id: Number.MAX_SAFE_INTEGER })],
    ['a number that is not whole', line({ id: 2.5 })],
    ['a number below the first', line({ id: -4 })],
    ['a network that is no text', line({ type: 'link.made', link: 'br5', network: 500 })],
    ['an address that is no text', line({ type: 'lease.held', mac: {}, address: ['10.0.0.1'] })],
  ])('leaves out %s, and events get their numbers as before', async (_what, text) => {
    await written(1, 2);
    writeFileSync(join(folder, 'events.ndjson'), text, { flag: 'a' });
    await written(10, 11);
    const events = await open(50).load();
    expect(ids(events)).toEqual([1, 2, 10, 11]);
    const bus = new EventBus(clock, 50);
    bus.adopt(events);
    bus.emit({ type: 'plugin.started', version: 'x' });
    expect(bus.list().at(-1)?.id).toBe(12);
  });

  it.each([9_000, 3])('one damaged number, %i, takes no other event away', async (id) => {
    await written(5, 6);
    writeFileSync(join(folder, 'events.ndjson'), line({ id }), { flag: 'a' });
    await written(7, 8);
    expect(ids(await open(50).load())).toEqual(
      [5, 6, 7, 8, id].toSorted((one, other) => one - other),
    );
  });

  it.each([
    ['the newer file', (path: string) => rmSync(join(path, 'events.ndjson'))],
    ['the folder', (path: string) => rmSync(path, { recursive: true })],
  ])('goes on if somebody removes %s', async (_what, remove) => {
    const file = open();
    await file.load();
    for (let id = 1; id <= 20; id += 1) {
      file.append(event(id));
      await file.flush();
      if (id % 5 === 0) remove(folder);
    }
    file.append(event(21));
    await file.close();
    expect(ids(await open().load())).toEqual([21]);
    expect(troubles).toEqual([]);
  });

  it('a disk that takes nothing is told once, and events that wait are limited', async () => {
    writeFileSync(folder, 'a file where the folder should be');
    const file = open();
    expect(await file.load()).toEqual([]);
    for (let id = 1; id <= 3; id += 1) {
      file.append(event(id));
      await file.flush();
    }
    await file.close();
    expect(troubles).toHaveLength(1);
  });
});
