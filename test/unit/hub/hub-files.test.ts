/** The hub on disk: what init writes, what a start reads, and what ends by itself. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initHub, type InitWanted } from '../../../plugin/hub/hub-init.ts';
import { HubFiles } from '../../../plugin/hub/hub-store.ts';
import type { MemberRecord } from '../../../plugin/hub/hub-records.ts';
import { askAdmin, serveAdmin } from '../../../plugin/uplink/admin-socket.ts';
import { generateKey, publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

let folder: string;
let files: HubFiles;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-hub-'));
  files = new HubFiles(folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

const wanted: InitWanted = {
  ...{ site: 'hq', trunk: 'eth1', endpoints: ['hub.example.net'], listenPort: 51820 },
  ...{ subnet: undefined, tls: undefined },
};
const host = {
  mtuOf: (link: string) => Promise.resolve(link === 'eth1' ? 1500 : undefined),
  clash: (): Promise<string | undefined> => Promise.resolve(undefined),
  now: () => 1,
};

const member: MemberRecord = {
  ...{ name: 'laptop', number: 3, inviteId: 'x', publicKey: publicKeyOf(generateKey()) },
  ...{ vlans: [500], mesh: false, phase: 'member', hostName: 'l', joinedAt: 1, revision: 1 },
};

describe('hub init', () => {
  it('writes one file that only root can read, and derives network and endpoint', async () => {
    const made = await initHub(files, host, wanted);
    expect(made.subnet).toMatch(/^10\.(6[4-9]|[7-9]\d|[12]\d\d)\.\d+\.0$/);
    expect(made.endpoints).toEqual(['hub.example.net:51820']);
    expect(statSync(join(folder, 'hub.json')).mode & 0o777).toBe(0o600);
    expect(await files.readHub()).toEqual(made);
  });

  it('takes the next network if the host has a route to the first', async () => {
    const asked: string[] = [];
    const clash = (subnet: string) =>
      Promise.resolve(asked.push(subnet) === 1 ? 'the route 10.0.0.0/9 of eth0' : undefined);
    const made = await initHub(files, { ...host, clash }, wanted);
    expect([asked.length, asked[1]]).toEqual([2, made.subnet]);
  });

  it.each<[string, Partial<InitWanted>, string]>([
    ['a name', { site: 'Head Quarters' }, '--site Head Quarters is no name: a name has 1 to 32'],
    ['no such link', { trunk: 'eth9' }, 'there is no link eth9 on this host'],
    ['a port', { listenPort: 0 }, '--listen takes a UDP port'],
    ['half a port', { listenPort: 51820.5 }, '--listen takes a UDP port'],
    ['the port of VXLAN', { listenPort: 4790 }, '--listen 4790 is the port of the frames'],
    ['zeros in front', { subnet: '10.083.41.0' }, '--subnet 10.083.41.0 is no /24'],
    ['an endpoint', { endpoints: ['a b'] }, '--endpoint a b is no name or address'],
    ['a network', { subnet: '192.168.1.0' }, '--subnet 192.168.1.0 is no /24 of 10.0.0.0/8'],
    ['a part of a network', { subnet: '10.1.999.0' }, '--subnet 10.1.999.0 is no /24'],
  ])('refuses %s in one sentence, and writes nothing', async (_, more, sentence) => {
    await expect(initHub(files, host, { ...wanted, ...more })).rejects.toThrow(sentence);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('refuses a trunk with an MTU that a hub cannot have, and writes nothing', async () => {
    const mtuOf = () => Promise.resolve(65_536); // that of lo
    await expect(initHub(files, { ...host, mtuOf }, wanted)).rejects.toThrow(
      'link eth1 has an MTU of 65536; a trunk has 576 to 65535',
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes addresses of both families, with and without a port', async () => {
    const endpoints = ['203.0.113.10', '2001:db8::1', '[2001:db8::2]:443', 'a.example:7'];
    expect((await initHub(files, host, { ...wanted, endpoints })).endpoints).toEqual([
      ...['203.0.113.10:51820', '[2001:db8::1]:51820', '[2001:db8::2]:443', 'a.example:7'],
    ]);
  });

  it('never replaces a hub', async () => {
    const made = await initHub(files, host, wanted);
    await expect(initHub(files, host, { ...wanted, site: 'other' })).rejects.toThrow(
      'there is a hub of the site "hq" on this host already',
    );
    expect(await files.readHub()).toEqual(made);
  });
});

describe('a start', () => {
  it('reads what was written, and removes a write that was cut short', async () => {
    await files.load();
    await files.saveMember(member);
    writeFileSync(join(folder, 'members/laptop-3.json.tmp'), '{"ver');
    expect(await files.load()).toEqual({ members: [member], invites: [] });
    expect(readdirSync(join(folder, 'members'))).toEqual(['laptop-3.json']);
  });

  it.each([
    ['is no JSON', '{"version":1', 'it is no JSON'],
    ['is of another version', '{"version":7,"record":{}}', 'it is of version 7, and not of 1'],
    [
      'lacks a field',
      '{"version":1,"record":{"name":"laptop"}}',
      'number is not what it should be',
    ],
  ])('names a file that %s, and keeps it', async (_, text, why) => {
    await files.load();
    const path = join(folder, 'members/laptop-3.json');
    writeFileSync(path, text);
    await expect(files.load()).rejects.toThrow(
      `state file ${path} is not usable: ${why}; mend it, or move it away`,
    );
    expect(readdirSync(join(folder, 'members'))).toEqual(['laptop-3.json']);
  });
});

describe('what ends by itself', () => {
  it('a token that was not used: silent an hour after its end, and its name is free', async () => {
    const world = new UplinkWorld();
    await world.invite('laptop', { expiresMs: 60_000 });
    await expect(world.invite('laptop')).rejects.toThrow(/^laptop has an invitation that is open/);
    await world.clock.pass(61_000);
    expect(world.tunnel?.guests).toHaveLength(1); // so that a late one hears that it is late
    await world.invite('laptop', { expiresMs: 60_000 });
    await world.clock.pass(2 * 3_600_000);
    expect([world.ports?.guests, world.store.invites.size]).toEqual([[], 0]);
  });

  it('the trace of a member that was revoked: after 26 hours', async () => {
    const world = new UplinkWorld();
    const laptop = world.host();
    await world.until(laptop.uplinks.join(await world.invite(), 'uplink0'));
    await world.operator.revoke('laptop');
    laptop.uplinks.close();
    await world.clock.pass(25 * 3_600_000);
    expect(world.store.members.size).toBe(1);
    await world.clock.pass(2 * 3_600_000);
    expect([world.store.members.size, world.ports?.guests]).toEqual([0, []]);
  });
});

it('a token of a clock that was wrong ends with the trace of the member that it made', async () => {
  const world = new UplinkWorld();
  const laptop = world.host();
  await world.until(laptop.uplinks.join(await world.invite(), 'uplink0'));
  // The clock of the hub was a year ahead when it wrote the invitation.
  const [invite] = world.store.contents.invites;
  if (invite === undefined) throw new Error('no invitation');
  world.store.invites.set(invite.id, { ...invite, expiresAt: invite.expiresAt + 31_536_000_000 });
  world.startHub();
  await world.operator.revoke('laptop');
  laptop.uplinks.close();
  await world.clock.pass(27 * 3_600_000);
  expect([world.store.members.size, world.store.invites.size]).toEqual([0, 0]);
  expect(world.ports?.guests).toEqual([]);
});

describe('the admin socket', () => {
  const path = () => join(folder, 'run/hub.sock');

  it('is for root only, and passes answers and refusals', async () => {
    const failures: unknown[] = [];
    const admin = await serveAdmin(
      path(),
      {
        list: (body) => Promise.resolve({ got: body }),
        revoke: () => Promise.reject(new PluginError('INVALID_REQUEST', 'there is no member x')),
        broken: () => Promise.reject(new Error('bug')),
      },
      (error) => failures.push(error),
    );
    try {
      expect(statSync(path()).mode & 0o777).toBe(0o600);
      const ask = (call: string) => askAdmin(path(), 'vlandhcp-hub', call, { a: 1 });
      expect(await ask('list')).toEqual({ got: { a: 1 } });
      await expect(ask('revoke')).rejects.toThrow('there is no member x');
      await expect(ask('broken')).rejects.toThrow('failed unexpectedly; see the log there');
      await expect(ask('constructor')).rejects.toThrow(/^there is no call POST/);
      expect(failures).toHaveLength(1);
    } finally {
      await admin.close();
    }
  });

  it('that nobody listens on says what to start', async () => {
    await expect(askAdmin(path(), 'vlandhcp-hub', 'list', {})).rejects.toThrow(
      `vlandhcp-hub does not run: nobody listens on ${path()}; start it: systemctl enable --now vlandhcp-hub`,
    );
  });
});
