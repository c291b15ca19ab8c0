/** What the hub signs, for whom, and which port leads where. Sockets are on loopback. */
import 'reflect-metadata';
import { createHash, generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Authority } from '../../../plugin/hub/authority/authority.ts';
import { ManageAnswers } from '../../../plugin/hub/authority/manage-answers.ts';
import { ManageOperator } from '../../../plugin/hub/authority/manage-operator.ts';
import { MemberPorts } from '../../../plugin/hub/authority/member-ports.ts';
import type { HubDesired } from '../../../plugin/hub/desired.ts';
import { hubTables } from '../../../plugin/hub/kernel/guards.ts';
import { makeRequest } from '../../../plugin/uplink/manage/certificates.ts';
import type { SignedCertificate } from '../../../plugin/uplink/protocol/manage-protocol.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

const DAY = 86_400_000;
let folder: string;
let world: UplinkWorld;
let authority: Authority;
let manage: ManageAnswers;
let operator: ManageOperator;
let portFault: string | undefined;
let ports: HubDesired | undefined;
let address: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-authority-'));
  portFault = ports = undefined;
  world = new UplinkWorld({ endpoints: ['hub.example.net:51820', '203.0.113.10:51820'] });
  authority = new Authority(folder, world.record);
  manage = new ManageAnswers(world.hub, authority);
  operator = new ManageOperator(world.hub, authority, {
    ensure: (desired) => {
      ports = desired as HubDesired;
      if (portFault === undefined) return Promise.resolve(new Map());
      const failure = new PluginError('SOCKET_FAILED', portFault);
      return Promise.resolve(new Map(desired.members.map(({ number }) => [number, failure])));
    },
  });
  address = await joined('laptop');
});
afterEach(() => rmSync(folder, { recursive: true }));

async function joined(name: string, more: object = {}): Promise<string> {
  const token = await world.invite(name, more);
  const host = world.host();
  await world.until(host.uplinks.join(token, 'uplink0'));
  return host.kernel!.address;
}

async function certified(from = address): Promise<X509Certificate> {
  const { request } = await makeRequest();
  const answer = await manage.certify(from, request);
  expect(answer.status).toBe(200);
  return new X509Certificate((answer.body as SignedCertificate).certificate);
}

const view = async () =>
  (await world.answers.self(address, undefined, new AbortController().signal)).body as {
    client?: string;
    revision: number;
  };
const inet = () => hubTables(world.tunnel!)[0]!.body;
const client = (more: object = {}) =>
  operator.client({
    ...{ name: 'laptop', expiresMs: DAY, isExported: false, port: undefined, ...more },
  });

describe('a certificate of a member', () => {
  it('names what the hub decides, for 90 days, as a server and as nothing else', async () => {
    const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
      'sign',
      'verify',
    ]);
    const wish = await x509.Pkcs10CertificateRequestGenerator.create({
      ...{
        name: 'CN=evil.example.net',
        keys,
        signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      },
      extensions: [
        new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'bank.example.net' }]),
        new x509.BasicConstraintsExtension(true, 3, true),
      ],
    });
    const answer = await manage.certify(address, wish.toString('pem'));
    const { certificate, authority: signer } = answer.body as SignedCertificate;
    const made = new X509Certificate(certificate);
    expect(made.verify(new X509Certificate(signer).publicKey)).toBe(true);
    expect([made.subject, made.ca, made.keyUsage]).toEqual([
      ...['CN=laptop', false, ['1.3.6.1.5.5.7.3.1']],
    ]);
    expect(made.subjectAltName?.split(', ')).toEqual([
      ...['DNS:laptop', `IP Address:${address}`, 'DNS:hub.example.net', 'IP Address:203.0.113.10'],
      ...['DNS:localhost', 'IP Address:127.0.0.1', 'IP Address:0:0:0:0:0:0:0:1'],
    ]);
    const now = world.clock.wall();
    expect(Date.parse(made.validFrom)).toBeLessThanOrEqual(now - 600_000);
    expect(Math.round((Date.parse(made.validTo) - now) / DAY)).toBe(90);
  });

  it('is made for members alone, who are approved, and of a key that the member has', async () => {
    const { request } = await makeRequest();
    const status = async (from: string, text: string) => (await manage.certify(from, text)).status;
    expect(await status('10.83.41.77', request)).toBe(403);
    expect(await status(await joined('held', { approve: true }), request)).toBe(403);
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    for (const text of ['', 'x', publicKey.export({ type: 'spki', format: 'pem' }) as string]) {
      expect(await status(address, text)).toBe(400);
    }
    // A request whose signature is another one's.
    const other = Buffer.from(new x509.Pkcs10CertificateRequest(request).rawData);
    other[other.length - 1]! ^= 1;
    const broken = x509.PemConverter.encode(other, 'CERTIFICATE REQUEST');
    expect(await status(address, broken)).toBe(400);
    expect((await view()).client).toBeUndefined();
    // Whatever is changed on the way, no other key is signed.
    const sent = new x509.Pkcs10CertificateRequest(request);
    const place = fc.nat(sent.rawData.byteLength - 1);
    await fc.assert(
      fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const bytes = Buffer.from(sent.rawData);
        bytes[at]! ^= bits;
        const text = x509.PemConverter.encode(bytes, 'CERTIFICATE REQUEST');
        const answer = await manage.certify(address, text);
        if (answer.status === 400) return;
        const { certificate } = answer.body as SignedCertificate;
        expect(Buffer.from(new x509.X509Certificate(certificate).publicKey.rawData)).toEqual(
          Buffer.from(sent.publicKey.rawData),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('is of one authority for ever, which only root can read', async () => {
    const first = await certified();
    manage = new ManageAnswers(world.hub, new Authority(folder, world.record));
    const next = await certified();
    expect(next.issuer).toBe(first.issuer);
    expect(next.checkIssued(new X509Certificate(await authority.certificate(0)))).toBe(true);
    expect(statSync(join(folder, 'authority.json')).mode & 0o777).toBe(0o600);
  });
});

describe('what follows from it', () => {
  it('the hub may hear answers of Docker from that member, and from no other', async () => {
    const other = await joined('cloud');
    expect(inet()).not.toContain('2376');
    await certified();
    expect(inet()).toContain(
      `ip saddr { ${address} } ip daddr 10.83.41.1 tcp sport 2376 ct state established counter name managed accept`,
    );
    expect(inet()).not.toContain(`{ ${other} } ip daddr 10.83.41.1 tcp sport`);
    await manage.withdraw(address);
    expect(inet()).not.toContain('2376');
    await certified();
    await world.operator.revoke('laptop');
    expect(inet()).not.toContain('2376');
  });

  it('the view tells the member which clients may manage it; off, on and --end make new ones', async () => {
    await certified();
    const names = [(await view()).client];
    await manage.withdraw(address);
    expect((await view()).client).toBeUndefined();
    await certified();
    names.push((await view()).client);
    await operator.end('laptop');
    names.push((await view()).client);
    expect(names.map((name) => name?.replace(/[0-9a-f]{16}/, 'ID'))).toEqual([
      ...[1, 2, 3].map((number) => `vlandhcp://hq/laptop/ID/${number}`),
    ]);
    // Another membership with the same name has another one.
    await world.operator.revoke('laptop');
    address = await joined('laptop');
    await certified();
    expect((await view()).client).not.toBe(names[0]);
  });

  it('a client has that name, its days, and a key of its own each time', async () => {
    await certified();
    const [one, two] = [await client(), await client()];
    const read = new X509Certificate(one.certificate);
    expect(read.subjectAltName).toBe(`URI:${(await view()).client}`);
    expect(read.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(Math.round((Date.parse(read.validTo) - world.clock.wall()) / DAY)).toBe(1);
    expect(one.host).toBe(`tcp://${address}:2376`);
    const digest = (text: string) => createHash('sha256').update(text).digest('hex');
    expect(digest(one.privateKey)).not.toBe(digest(two.privateKey));
    await expect(client({ name: 'nobody' })).rejects.toThrow(/there is no member nobody/);
  });

  it('an export has a port of the hub; one that is taken is told, and nothing is kept of it', async () => {
    await certified();
    const exported = await client({ isExported: true });
    const number = Number(address.split('.')[3]);
    expect(exported.host).toBe(`tcp://hub.example.net:${23_760 + number}`);
    expect(ports?.members[0]?.manage).toEqual({ port: 23_760 + number });
    const before = await view();
    portFault = 'the hub cannot listen on TCP port 443';
    await expect(client({ isExported: true, port: 443 })).rejects.toThrow(portFault);
    portFault = undefined;
    expect((await client({ isExported: true })).host).toBe(exported.host);
    expect((await view()).revision).toBeGreaterThan(before.revision);
    address = await joined('cloud');
    await certified();
    await expect(
      client({ name: 'cloud', isExported: true, port: 23_760 + number }),
    ).rejects.toThrow(/leads to laptop; choose another: --port/);
  });
});

it('a member that changes its mind all the time does not replace the rules all the time', async () => {
  for (let turn = 0; turn < 2; turn += 1) {
    await certified();
    expect((await manage.withdraw(address)).status).toBe(204);
  }
  const { request } = await makeRequest();
  expect((await manage.certify(address, request)).status).toBe(429);
  await world.clock.pass(10_000);
  await certified();
});

describe('a port of the hub', () => {
  it('that is taken holds up no port of another member', async () => {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, resolve));
    const { port } = listener.address() as AddressInfo;
    const log = new MemoryLogger();
    const opened = new MemberPorts(log);
    const first = { ...world.hub.desired().members[0]!, manage: { port } };
    const second = { ...first, number: first.number + 1, manage: { port: 0 } };
    for (let again = 0; again < 2; again += 1) {
      const failures = await opened.ensure({ members: [first, second] });
      expect([...failures.keys()]).toEqual([first.number]);
    }
    const lines = log.lines.map(({ message }) => message);
    expect(lines).toEqual([
      'port that leads to Docker of a member opened',
      'port of a member is not open',
    ]);
    opened.close();
    listener.close();
  });

  it('says if it is taken, is opened once, and is free again when nobody is to have it', async () => {
    const listener = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    const opened = new MemberPorts(new MemoryLogger());
    const member = { ...world.hub.desired().members[0]!, address: '127.0.0.1', manage: { port } };
    // The port is taken: the sentence names it.
    const failure = (await opened.ensure({ members: [member] })).get(member.number);
    expect(failure?.message).toMatch(
      /the hub cannot listen on TCP port \d+ for laptop: .*EADDRINUSE.*choose another port/,
    );
    listener.close();
    await new Promise((resolve) => listener.once('close', resolve));
    await opened.ensure({ members: [member] });
    await opened.ensure({ members: [member] });
    await opened.ensure({ members: [{ ...member, manage: undefined }] });
    const again = createServer();
    await new Promise<void>((resolve) => again.listen(port, '127.0.0.1', resolve)); // it is free
    again.close();
    opened.close();
  });
});
