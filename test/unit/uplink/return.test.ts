/** How a tunnel comes back: after a cut, in another network, with a slow kernel. Virtual time. */
import { describe, expect, it } from 'vitest';
import { HubAddresses } from '../../../plugin/uplink/member/tunnel/hub-addresses.ts';
import { problemText } from '../../../plugin/uplink/member/problem-text.ts';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

async function joinedWorld() {
  const world = new UplinkWorld();
  const host = world.host();
  await world.until(host.uplinks.join(await world.invite(), 'uplink0'));
  return { world, host };
}

describe('after a cut the tunnel is back', () => {
  it('with the first handshake, at most 1.5 s after the way is back, whenever that is', async () => {
    for (let offset = 0; offset < 1_500; offset += 130) {
      const { world, host } = await joinedWorld();
      world.isCut = true;
      await world.clock.pass(60_000 + offset);
      expect(host.carrier).toBe(false);
      const before = host.revived;
      world.isCut = false;
      await world.clock.pass(1_510);
      expect([offset, host.carrier, host.revived - before]).toEqual([offset, true, 1]);
    }
  });

  it('also with a kernel that takes longer than the time between two handshakes', async () => {
    const { world, host } = await joinedWorld();
    host.reviveMs = 5_000;
    world.isCut = true;
    await world.clock.pass(120_000);
    expect(host.revived).toBeLessThanOrEqual(18);
    world.isCut = false;
    // One is under way, and the next one begins 1.5 s after its end.
    await world.clock.pass(11_510);
    expect(host.carrier).toBe(true);
  });
});

it('on a slow way a handshake is given twice the round trip, and 5 s at most', async () => {
  const { world, host } = await joinedWorld();
  for (const [roundTripMs, each] of [
    [1_800, 3_600],
    [4_000, 5_000],
  ] as const) {
    world.isCut = false;
    host.roundTripMs = roundTripMs;
    await world.clock.pass(10_000);
    world.isCut = true;
    await world.clock.pass(30_000);
    const before = host.revived;
    await world.clock.pass(each * 4);
    expect(host.revived - before).toBe(4);
  }
});

it('links that somebody removed are made again at once, and one that is removed twice once', async () => {
  const { world, host } = await joinedWorld();
  host.kernel = undefined;
  host.linkGone();
  host.linkGone();
  await world.clock.pass(200);
  expect(host.kernel).toMatchObject({ trunk: { vlans: [500, 600], carrier: true } });
  expect(host.revived).toBe(0);
});

it('removed links that nobody told are made again when the hub is missed, in 6 s', async () => {
  const { world, host } = await joinedWorld();
  await world.clock.pass(1_000);
  host.kernel = undefined;
  await world.clock.pass(6_100);
  expect(host.kernel).toMatchObject({ trunk: { vlans: [500, 600], carrier: true } });
  expect(await host.uplinks.status()).toMatchObject([{ state: 'up' }]);
});

describe('in another network', () => {
  it('a handshake begins at once, and a word follows it', async () => {
    const { world, host } = await joinedWorld();
    await world.clock.pass(500);
    const words: string[] = [];
    host.fate = (what) => {
      words.push(`${what} after ${host.revived}`);
      return 'ok';
    };
    host.way = 'cafe';
    host.networkChanged();
    await world.clock.pass(110);
    expect(words).toEqual(['word after 1']);
  });

  it('handshakes go on while the first ones are lost, long before the hub counts as silent', async () => {
    const { world, host } = await joinedWorld();
    await world.clock.pass(500);
    world.isCut = true;
    host.way = 'cafe';
    host.networkChanged();
    await world.clock.pass(4_000);
    expect([host.revived, host.carrier]).toEqual([3, true]);
  });

  it('changes that leave the way as it is are no reason, as when containers start', async () => {
    const { world, host } = await joinedWorld();
    for (let change = 0; change < 100; change += 1) {
      host.networkChanged();
      await world.clock.pass(30);
    }
    expect(host.revived).toBe(0);
  });

  it('a network after none is one, also if it is the same', async () => {
    const { world, host } = await joinedWorld();
    await world.clock.pass(500);
    host.way = undefined;
    host.networkChanged();
    await world.clock.pass(500);
    expect(host.revived).toBe(0);
    host.way = 'home';
    host.networkChanged();
    await world.clock.pass(110);
    expect(host.revived).toBe(1);
  });

  it('a host whose network comes long after its services is there at once', async () => {
    const { world, host } = await joinedWorld();
    host.uplinks.close();
    [host.way, world.isCut] = [undefined, true];
    host.boot();
    await host.start();
    await world.clock.pass(30_000);
    expect(await host.uplinks.status()).toMatchObject([{ state: 'silent' }]);
    [host.way, world.isCut] = ['home', false];
    host.networkChanged();
    await world.clock.pass(110);
    expect(await host.uplinks.status()).toMatchObject([{ state: 'up' }]);
  });
});

describe("the hub's name", () => {
  it('is no address for WireGuard until a name server knows it, and is asked for once at a time', async () => {
    let asked = 0;
    let answer: (found: readonly string[]) => void = () => undefined;
    const addresses = new HubAddresses(['hub.example.net:51820'], () => {
      asked += 1;
      return new Promise((resolve) => (answer = resolve));
    });
    expect([addresses.at(0), addresses.reachable(0)]).toEqual(['hub.example.net:51820', undefined]);
    const both = [addresses.lookUp(), addresses.lookUp()];
    expect(asked).toBe(1);
    answer(['[2001:db8::1]:51820', '203.0.113.10:51820']);
    await Promise.all(both);
    expect([0, 1, 2].map((attempt) => addresses.reachable(attempt))).toEqual([
      ...['[2001:db8::1]:51820', '203.0.113.10:51820', '[2001:db8::1]:51820'],
    ]);
  });

  it('is named if a join fails because nobody knows it', () => {
    const problem = { is: 'silent', tried: 2, ms: 10_000 } as const;
    const said = problemText({ name: 'FAILED', problem }, ['hub.example.net:51820'], 'hq');
    expect(said.message).toBe(
      'the hub of "hq" was not asked: no name server here knows hub.example.net:51820; see that this host has a name server, and that the hub\'s name is right',
    );
  });
});

it('a start is done when the links are there, and a kernel that refuses them does not hold it up', async () => {
  const { world, host } = await joinedWorld();
  const seen = [];
  for (const fault of [undefined, 'no WireGuard']) {
    host.uplinks.close();
    host.kernel = undefined;
    host.fault = fault;
    host.boot();
    world.isCut = true; // no hub is waited for
    await host.start();
    seen.push(host.kernel !== undefined);
  }
  expect(seen).toEqual([true, false]);
  host.fault = undefined;
  await world.clock.pass(5_000);
  expect(host.kernel).toBeDefined();
});
