/** The registrar over real HTTP on loopback: what it takes, what it refuses, and what it limits. */
import { request } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { createRegistrar } from '../../../plugin/hub/registrar/registrar.ts';
import {
  LONGEST_REQUEST,
  type JoinRequest,
} from '../../../plugin/uplink/protocol/registrar-protocol.ts';
import { parseToken } from '../../../plugin/uplink/protocol/token.ts';
import { generateKey, publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';
import { viewOf } from '../../../plugin/hub/members.ts';
import type { MemberRecord } from '../../../plugin/hub/hub-records.ts';
import { hubRecord, UplinkWorld } from '../../support/uplink/uplink-world.ts';

/** Loopback is a /8: each address of it is a host, as addresses in the tunnel are. */
const SUBNET = '127.83.41.0';
const HUB = '127.83.41.1';

let world: UplinkWorld;
const failures: unknown[] = [];
const server = createRegistrar(
  {
    admit: (...args) => world.answers.admit(...args),
    self: (...args) => world.answers.self(...args),
    leave: (...args) => world.answers.leave(...args),
    rotate: (...args) => world.answers.rotate(...args),
    path: (...args) => world.answers.path(...args),
    others: (...args) => world.answers.others(...args),
  },
  (error) => failures.push(error),
);
let port = 0;

beforeAll(async () => {
  server.listen(0, HUB);
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  world = new UplinkWorld({ subnet: SUBNET });
  failures.length = 0;
});

const taken: MemberRecord = {
  ...{ name: 'laptop', number: 3, inviteId: 'x', publicKey: publicKeyOf(generateKey()) },
  ...{ vlans: [500], mesh: false, phase: 'member', hostName: 'l', joinedAt: 1, revision: 1 },
};

interface Asked {
  readonly from: string;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
}

async function ask({ from, method = 'GET', path = '/v1/self', body }: Asked) {
  const call = request({ host: HUB, port, localAddress: from, method, path, agent: false });
  call.end(body);
  const [response] = (await once(call, 'response')) as [
    NodeJS.ReadableStream & { statusCode: number },
  ];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return {
    status: response.statusCode,
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
}

const joinBody = (key = publicKeyOf(generateKey())) =>
  JSON.stringify({ version: 1, key, name: 'laptop.example' });

async function invited(name = 'laptop', more: object = {}) {
  return parseToken(await world.invite(name, more), world.clock.wall()).address;
}
async function joined(name = 'laptop', more: object = {}): Promise<string> {
  const from = await invited(name, more);
  const { body } = await ask({ from, method: 'POST', path: '/v1/members', body: joinBody() });
  return String(body['address']);
}

describe('the registrar', () => {
  it('takes a join, gives the same key the same answer, and another key 409 with who and when', async () => {
    const from = await invited();
    const post = (body: string) => ask({ from, method: 'POST', path: '/v1/members', body });
    const body = joinBody();
    const first = await post(body);
    expect(first).toEqual({
      status: 200,
      body: {
        ...{
          name: 'laptop',
          site: 'hq',
          address: '127.83.41.3',
          vni: expect.any(Number) as number,
          vlans: [500, 600],
        },
        ...{ mtu: 1500, mesh: false, held: false, revision: 1 },
      },
    });
    expect(await post(body)).toEqual(first);
    const second = await post(joinBody());
    expect(second.status).toBe(409);
    expect(second.body).toMatchObject({
      error: 'the token was used already',
      usedAt: world.clock.wall(),
    });
    expect(second.body['usedBy']).toMatch(/^laptop\.example \(key [0-9a-f-]{19}\)$/);
  });

  it('gives each hub numbers of VXLANs of its own, which fit into 24 bits', () => {
    const member = { ...taken, number: 254 };
    const vnis = Array.from({ length: 20 }, () => viewOf(hubRecord(), member).vni);
    expect(new Set(vnis).size).toBeGreaterThan(15);
    for (const vni of vnis)
      expect([vni >= 0x80_00_00, vni < 2 ** 24, vni & 0xff]).toEqual([true, true, 254]);
  });

  it('sets the peer before it answers, and makes the links after it', async () => {
    const from = await invited();
    const order: string[] = [];
    const ensureTunnel = world.hub.ensureTunnel.bind(world.hub);
    world.hub.ensureTunnel = async () => {
      await ensureTunnel();
      order.push(`${world.tunnel?.members.length} peers`);
    };
    const answer = await world.answers.admit(from, JSON.parse(joinBody()) as JoinRequest);
    order.push(`answer ${answer.status}, ${world.ports?.members.length ?? 0} ports`);
    await world.clock.pass(0);
    expect([...order, `${world.ports?.members.length} ports`]).toEqual([
      ...['1 peers', 'answer 200, 0 ports', '1 ports'],
    ]);
  });

  it('answers 503, and has no member, if the disk is full or the kernel refuses', async () => {
    const from = await invited();
    const body = joinBody();
    const post = () => ask({ from, method: 'POST', path: '/v1/members', body });
    world.store.isFull = true;
    expect((await post()).status).toBe(503);
    expect(world.hub.contents.members).toEqual([]);
    world.store.isFull = false;
    world.kernelFault = 'wg syncconf failed';
    expect(await post()).toMatchObject({
      status: 503,
      body: { error: 'the hub cannot do this now: wg syncconf failed' },
    });
    world.kernelFault = undefined;
    expect((await post()).status).toBe(200);
    expect(world.tunnel?.members).toHaveLength(1);
  });

  it('refuses a key that belongs to the hub or to somebody else', async () => {
    await joined();
    const [present] = world.hub.contents.members;
    const from = await invited('other');
    for (const key of [publicKeyOf(world.record.privateKey), present!.publicKey]) {
      const body = joinBody(key);
      expect(await ask({ from, method: 'POST', path: '/v1/members', body })).toMatchObject({
        status: 400,
        body: { error: 'this key belongs to somebody else' },
      });
    }
  });

  it('refuses everybody whose address it does not know, and members what only guests may', async () => {
    const member = await joined();
    for (const from of ['127.83.41.99', HUB]) {
      expect((await ask({ from })).status).toBe(403);
      expect((await ask({ from, method: 'DELETE' })).status).toBe(403);
      expect((await ask({ from, path: '/v1/members' })).status).toBe(403);
    }
    const post = { method: 'POST', path: '/v1/members', body: joinBody() };
    expect((await ask({ from: member, ...post })).status).toBe(403);
    expect((await ask({ from: member, path: '/v1/members' })).status).toBe(403);
  });

  it('shows mesh members each other, and nobody else', async () => {
    const [a, b] = [await joined('a', { mesh: true }), await joined('b', { mesh: true })];
    await joined('c');
    const { status, body } = await ask({ from: a, path: '/v1/members' });
    expect(status).toBe(200);
    expect((body['members'] as { address: string }[]).map(({ address }) => address)).toEqual([b]);
  });

  it('holds a question until something changes, and only one of each member', async () => {
    const from = await joined();
    expect((await ask({ from, path: '/v1/self?revision=1' })).status).toBe(200); // after a start
    const held = ask({ from, path: '/v1/self?revision=1' });
    await expect.poll(() => world.clock.pending).toBeGreaterThan(0);
    const second = ask({ from, path: '/v1/self?revision=1' });
    expect((await held).body['revision']).toBe(1); // the second one took its place
    await world.operator.setVlans('laptop', [700]);
    expect((await second).body).toMatchObject({ revision: 2, vlans: [700] });
  });

  it('lets a member leave, and nobody else go with it', async () => {
    const [a, b] = [await joined('a'), await joined('b')];
    expect((await ask({ from: a, method: 'DELETE' })).status).toBe(204);
    await expect.poll(() => world.ports?.members.map(({ address }) => address)).toEqual([b]);
    expect((await ask({ from: a })).status).toBe(403);
    expect((await ask({ from: b })).status).toBe(200);
  });

  it.each<[string, Omit<Asked, 'from'>, number]>([
    ['no such path', { path: '/v2/self' }, 404],
    ['a method that it does not have', { method: 'PATCH' }, 404],
    ['a revision that is none', { path: '/v1/self?revision=-1' }, 400],
    ['no body', { method: 'POST', path: '/v1/members' }, 400],
    ['no JSON', { method: 'POST', path: '/v1/members', body: '{' }, 400],
    ['another version', { method: 'POST', path: '/v1/members', body: '{"version":2}' }, 400],
    [
      'a body that is too long',
      { method: 'POST', path: '/v1/members', body: ' '.repeat(LONGEST_REQUEST + 1) },
      413,
    ],
    ['a key that is none', { method: 'PUT', path: '/v1/self/key', body: '{"key":"x"}' }, 400],
  ])('answers %s with one sentence', async (_, asked, status) => {
    const found = await ask({ from: await joined(), ...asked });
    expect(found.status).toBe(status);
    expect(found.body['error']).toMatch(/^[^\n]{10,200}$/);
  });

  it('changes nothing of others, and never fails, whatever a member sends', async () => {
    const [from, other] = [await joined('a'), await joined('b')];
    const before = world.hub.contents.members.find(({ name }) => name === 'b');
    const path = fc.oneof(
      fc.constantFrom(
        '/v1/members',
        '/v1/self/key',
        '/v1/self?revision=0',
        `/v1/members/${other}`,
        '//',
        '/v1/self/../members/b',
      ),
      fc.webPath().map((text) => text || '/'),
    );
    const body = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record({
          version: fc.constant(1),
          key: fc.oneof(fc.string(), fc.constant(before?.publicKey)),
          name: fc.anything(),
        })
        .map((value) => JSON.stringify(value)),
    );
    const method = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'OPTIONS', 'HEAD');
    await fc.assert(
      fc.asyncProperty(method, path, body, async (verb, target, sent) => {
        const hasBody = verb === 'POST' || verb === 'PUT' || verb === 'PATCH';
        const { status } = await ask({
          from,
          method: verb,
          path: target,
          ...(hasBody && { body: sent }),
        });
        expect([200, 204, 400, 403, 404, 409, 413]).toContain(status);
        expect(world.hub.contents.members.find(({ name }) => name === 'b')).toEqual(before);
      }),
      { numRuns: 200 },
    );
    expect(failures).toEqual([]);
    proves('day-fuzz', 'only 2xx and 4xx, and nothing of another member changed', '200 requests');
  });

  it('closes the ninth connection of one member, and still serves the others', async () => {
    const [from, other] = [await joined('a'), await joined('b')];
    const open = Array.from({ length: 9 }, () => connect({ host: HUB, port, localAddress: from }));
    await Promise.race(open.map((socket) => once(socket, 'close')));
    expect((await ask({ from: other })).status).toBe(200);
    for (const socket of open) socket.destroy();
  });

  it('answers bytes that are not HTTP, and heads that are too long, and goes on', async () => {
    const from = await joined();
    for (const bytes of [
      '\u0000\u0001\u0002\r\n\r\n',
      `GET / HTTP/1.1\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`,
    ]) {
      const socket = connect({ host: HUB, port, localAddress: from });
      socket.write(bytes);
      const [first] = (await once(socket, 'data')) as [Buffer];
      expect(first.toString()).toMatch(/^HTTP\/1\.1 4\d\d /);
      socket.destroy();
    }
    expect((await ask({ from })).status).toBe(200);
  });
});
