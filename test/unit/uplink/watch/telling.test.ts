/** What operators read of hub and uplink: the socket, the commands, and the page about them. */
import { request } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MemberRecord } from '../../../../plugin/hub/hub-records.ts';
import {
  HUB_EVENTS,
  hubSentence,
  type HubCounted,
  type HubEvent,
} from '../../../../plugin/hub/watch/hub-events.ts';
import { hubMetrics } from '../../../../plugin/hub/watch/hub-metrics.ts';
import { serveAdmin } from '../../../../plugin/uplink/admin-socket.ts';
import { addTellingCommands } from '../../../../plugin/uplink/cli/telling-commands.ts';
import type { UplinkStatus } from '../../../../plugin/uplink/uplink-status.ts';
import { readTelling } from '../../../../plugin/uplink/watch/read-telling.ts';
import { ServiceTelling } from '../../../../plugin/uplink/watch/service-telling.ts';
import { UPLINK_EVENTS } from '../../../../plugin/uplink/watch/uplink-events.ts';
import { uplinkMetrics } from '../../../../plugin/uplink/watch/uplink-metrics.ts';
import { generateKey, publicKeyOf } from '../../../../plugin/uplink/wireguard-key.ts';
import { FakeClock } from '../../../support/time/fake-clock.ts';
import { MemoryLogger } from '../../../support/fakes/memory-logger.ts';
import { table } from '../../../support/pages/readme.ts';

const NOW = Date.UTC(2026, 10, 29, 3);
const KEY = publicKeyOf(generateKey());
const LAPTOP: MemberRecord = {
  ...{ name: 'laptop', number: 3, inviteId: '00', publicKey: KEY, vlans: [500], mesh: false },
  ...{ phase: 'member', hostName: 'h', joinedAt: 0, revision: 1, pathMtu: 1196 },
};

let folder: string;
let telling: ServiceTelling<HubEvent, HubCounted>;
const path = () => join(folder, 'admin.sock');

async function opened(listen?: string): Promise<void> {
  const settings = { eventsKept: 100, listen, token: undefined, tokenFile: undefined };
  telling = new ServiceTelling<HubEvent, HubCounted>(HUB_EVENTS, {
    ...{ stateDir: folder, settings, version: '1.2.3' },
    ...{ clock: new FakeClock({ wall: NOW }), log: new MemoryLogger() },
  });
  await telling.open();
}

/** Of one member, whose way and counters are up to the test. */
function ofHub(endpoint = '198.51.100.7:40000', drops: Record<string, number> = {}) {
  const peer = { endpoint, handshakeAt: NOW, rxBytes: 11, txBytes: 22 };
  return hubMetrics({
    ...{ telling, version: '1.2.3', now: () => NOW },
    contents: () => ({ members: [LAPTOP], invites: [] }),
    peers: () => Promise.resolve(new Map([[KEY, peer]])),
    ages: () => new Map([['laptop', 1_500]]),
    whence: (text) => (text.startsWith('127.') ? 'tls 198.51.100.7' : text),
    connections: () => 1,
    counters: () => Promise.resolve(new Map(Object.entries(drops))),
  });
}

function ofUplink() {
  const status = {
    ...{ device: 'uplink0', site: 'hq', state: 'up', name: 'laptop', vlans: [500], way: 'udp' },
    ...{ silentMs: 1, roundTripMs: 1, pathMtu: 1420 },
    tunnel: { kind: 'kernel', handshakeAt: NOW, rxBytes: 1, txBytes: 1 },
  } as unknown as UplinkStatus;
  return uplinkMetrics({
    telling: { log: telling.log, count: () => undefined },
    status: () => Promise.resolve([status]),
    isCarrierUp: () => true,
    counters: () => Promise.resolve(new Map()),
    version: '1.2.3',
  });
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-telling-'));
  await opened();
});
afterEach(async () => {
  await telling.close();
  rmSync(folder, { recursive: true });
});

describe('docs/watch-an-uplink.md', () => {
  const told = (heading: string) => table(heading).map(([type, what]) => [type?.replaceAll('`', ''), what]); // prettier-ignore

  it('has each event of a member and of the hub with the text of the code, in its order, and no other', () => {
    expect(told('What a member tells')).toEqual(Object.entries(UPLINK_EVENTS));
    expect(told('What the hub tells')).toEqual(Object.entries(HUB_EVENTS));
  });

  it('has each metric with its labels and the text that Prometheus shows, and no other', async () => {
    for (const [heading, metrics] of [
      ['What a member counts', ofUplink()],
      ['What the hub counts', ofHub()],
    ] as const) {
      const lines = (await metrics.text()).split('\n');
      const labelsOf = (name: string) => {
        const sample = lines.find((line) => line.startsWith(`${name}{`)) ?? '';
        return [...sample.matchAll(/(\w+)="/g)].map(([, label = '']) => label).join(', ');
      };
      const rows = lines
        .flatMap((line) => [/^# HELP (\w+) (.*)$/.exec(line)])
        .flatMap((found) => (found === null ? [] : [[found[1] ?? '', found[2] ?? ''] as const]))
        .filter(([name]) => /^vlandhcp_(hub|uplink)_/.test(name))
        .map(([name, help]) => [`\`${name}\``, labelsOf(name), `${help}.`]);
      expect(rows.length).toBeGreaterThan(10);
      expect(table(heading).sort()).toEqual(rows.sort());
    }
  });
});

describe('metrics of the hub', () => {
  const valueOf = async (metrics: { text(): Promise<string> }, series: string) =>
    (await metrics.text()).split('\n').find((line) => line.startsWith(`${series} `))?.split(' ').at(-1); // prettier-ignore

  it('a member has its way, its bytes and its last word; a rule has what it dropped', async () => {
    const metrics = ofHub('127.0.0.1:40000', { dhcp_server: 3, broadcast_3: 9, frames_3: 50 });
    const of = (name: string, more = '') => valueOf(metrics, `vlandhcp_hub_${name}{${more}}`);
    expect(await of('member_way', 'member="laptop",way="tls"')).toBe('1');
    expect(await of('member_way', 'member="laptop",way="udp"')).toBe('0');
    expect(await of('member_receive_bytes_total', 'member="laptop"')).toBe('11');
    expect(await of('member_last_word_age_seconds', 'member="laptop"')).toBe('1.5');
    expect(await of('member_path_mtu_bytes', 'member="laptop"')).toBe('1196');
    expect(await of('dropped_packets_total', 'rule="dhcp_server"')).toBe('3');
    expect(await of('dropped_packets_total', 'rule="binding"')).toBe('0');
    expect(await of('member_dropped_broadcasts_total', 'member="laptop"')).toBe('9');
  });

  it('a member that has gone has no series any more, and refusals are counted without it', async () => {
    const metrics = ofHub();
    expect(await valueOf(metrics, 'vlandhcp_hub_member_silences_total{member="laptop"}')).toBe('0');
    telling.emit({ type: 'member.silent', member: 'laptop' });
    expect(await valueOf(metrics, 'vlandhcp_hub_member_silences_total{member="laptop"}')).toBe('1');
    telling.emit({ type: 'member.silent', member: 'other' });
    telling.emit({ type: 'member.revoked', member: 'other' });
    expect(await metrics.text()).not.toContain('member="other"');
    telling.emit({ type: 'refusal', reason: 'token-used' });
    expect(await valueOf(metrics, 'vlandhcp_hub_refusals_total{reason="token-used"}')).toBe('1');
    expect(telling.history.map(({ type }) => type)).not.toContain('refusal');
  });

  it('a kernel that cannot be asked costs its own metrics, and not the others', async () => {
    let isBroken = false;
    const metrics = hubMetrics({
      ...{ telling, version: '1.2.3', now: () => NOW, ages: () => new Map() },
      ...{ whence: (text: string) => text, connections: () => 0 },
      contents: () => ({ members: [], invites: [] }),
      peers: () => (isBroken ? Promise.reject(new Error('no wg')) : Promise.resolve(new Map())),
      counters: () => Promise.resolve(new Map()),
    });
    expect(await metrics.text()).toContain('\nvlandhcp_hub_members{');
    isBroken = true;
    const text = await metrics.text();
    expect(text).toContain('\nvlandhcp_hub_joins_total 0\n');
    expect(text).not.toContain('\nvlandhcp_hub_members{');
  });
});

describe('the commands', () => {
  async function typed(words: string): Promise<string[]> {
    const printed: string[] = [];
    const program = new Command().exitOverride();
    addTellingCommands(program, {
      terminal: { print: (text) => void printed.push(text), now: () => NOW },
      ...{ read: readTelling(path(), 'vlandhcp-hub'), types: HUB_EVENTS, sentence: hubSentence },
    });
    await program.parseAsync(words.split(' '), { from: 'user' });
    return printed;
  }

  const served = () => serveAdmin(path(), {}, () => undefined, telling.tells(ofHub()));

  it('events prints a line for each: time, type, member, one sentence', async () => {
    const admin = await served();
    telling.emit({ type: 'member.silent', member: 'laptop' });
    telling.emit({
      ...{ type: 'member.joined', member: 'evil', address: '10.83.41.4', vlans: [500] },
      ...{ host: 'a\u001b[2Jb', held: false },
    });
    const lines = await typed('events');
    expect(lines.map((line) => line.slice('2026-11-29 03:00:00  '.length))).toEqual([
      'service.started   The service started, version 1.2.3.',
      'member.silent     laptop  laptop has not been heard for 15 s.',
      'member.joined     evil  a?[2Jb joined as evil, 10.83.41.4. It has VLANs 500.',
    ]);
    expect(lines[0]).toMatch(/^2026-11-29 \d\d:00:00 {2}/);
    const json = JSON.parse((await typed('events --json --type member.silent')).join('')) as object;
    expect(json).toEqual([
      {
        ...{ id: 2, at: '2026-11-29T03:00:00.000Z', type: 'member.silent', member: 'laptop' },
        text: 'laptop has not been heard for 15 s.',
      },
    ]);
    expect(await typed('events --since 1')).toHaveLength(2);
    expect(await typed('events --since 1h --type member.left')).toEqual([]);
    await admin.close();
  });

  it('a line of the history that lacks what its type needs does not hide the others', async () => {
    const admin = await served();
    telling.emit({ type: 'member.joined', member: 'old' } as unknown as HubEvent);
    telling.emit({ type: 'member.left', member: 'laptop' });
    const lines = await typed('events --since 1');
    expect(lines[0]).toMatch(/ member\.joined +old {2}This line of the history is damaged, /);
    expect(lines[1]).toContain('member.left');
    await admin.close();
  });

  it('events --follow goes on until the service ends, and says so then', async () => {
    const admin = await served();
    const lines: string[] = [];
    const read = readTelling(path(), 'vlandhcp-hub');
    const following = (async () => {
      for await (const line of read('/v1/events?follow=true')) {
        lines.push(line);
        if (lines.length === 1) telling.emit({ type: 'member.left', member: 'laptop' });
        if (lines.length === 2) void admin.close();
      }
    })();
    await expect(following).rejects.toThrow('vlandhcp-hub has ended in the middle of its answer');
    expect(lines[1]).toContain('"type":"member.left"');
  });

  it('those who follow leave room for commands', async () => {
    const admin = await serveAdmin(
      path(),
      { list: () => Promise.resolve({}) },
      () => undefined,
      telling.tells(ofHub()),
    );
    const followers = Array.from({ length: 20 }, () => {
      const call = request({ socketPath: path(), path: '/v1/events?follow=true', agent: false });
      call.on('error', () => undefined);
      const status = new Promise<number>((resolve) =>
        call.on('response', (response) => {
          response.on('error', () => undefined);
          resolve(response.resume().statusCode ?? 0);
        }),
      );
      call.end();
      return { call, status };
    });
    const statuses = await Promise.all(followers.map(({ status }) => status));
    expect(statuses.filter((status) => status === 200)).toHaveLength(16);
    expect(statuses.filter((status) => status === 503)).toHaveLength(4);
    expect((await typed('metrics')).length).toBeGreaterThan(10);
    for (const { call } of followers) call.destroy();
    await admin.close();
  });

  it('what is wrong is said in one sentence', async () => {
    await expect(typed('events')).rejects.toThrow('vlandhcp-hub does not run');
    const admin = await served();
    await expect(typed('events --type member.gone')).rejects.toThrow(
      'type=member.gone is not a type of event; there are invitation.made',
    );
    await expect(typed('events --since yesterday')).rejects.toThrow('since=yesterday is not');
    await admin.close();
  });

  it('metrics prints what Prometheus reads', async () => {
    const admin = await served();
    const lines = await typed('metrics');
    expect(lines).toContain('vlandhcp_hub_members{state="member"} 1');
    expect(lines.join('\n')).toMatch(
      /^# HELP process_cpu_seconds_total Processor time of the hub$/m,
    );
    await admin.close();
  });
});

it('the TCP port is closed unless it is asked for, and a token is needed beyond loopback', async () => {
  await telling.close();
  await opened('0.0.0.0:9326');
  await telling.openPort(ofHub());
  const [line] = telling.history.filter(({ type }) => type === 'trouble');
  expect(line).toMatchObject({
    message: expect.stringContaining('HTTP_LISTEN with 0.0.0.0 needs a token') as string,
  });
  const free = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => free.once('listening', resolve));
  const { port } = free.address() as AddressInfo;
  await new Promise((resolve) => free.close(resolve));
  await telling.close();
  await opened(`127.0.0.1:${port}`);
  const metrics = ofHub();
  const admin = await serveAdmin(path(), {}, () => undefined, telling.tells(metrics));
  await telling.openPort(metrics);
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect([answer.status, await answer.text()]).toEqual([
    200,
    expect.stringContaining('vlandhcp_hub_members{state="member"} 1'),
  ]);
  // Who follows there takes no place of root.
  const follow = () => fetch(`http://127.0.0.1:${port}/v1/events?follow=true`);
  const followers = await Promise.all(Array.from({ length: 20 }, follow));
  expect(followers.filter(({ status }) => status === 200)).toHaveLength(16);
  const lines = readTelling(path(), 'vlandhcp-hub')('/v1/events?follow=true');
  for await (const first of lines) if (first.includes('service.started')) break;
  await telling.close();
  await admin.close();
});
