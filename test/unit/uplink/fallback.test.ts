/** TLS where UDP is blocked, and back (U2). Virtual time; what passes is up to the test. */
import { describe, expect, it } from 'vitest';
import { nextDeadline, step } from '../../../plugin/uplink/member/member-state.ts';
import type { MemberEnv, MemberEvent, MemberState } from '../../../plugin/uplink/member/states.ts';
import type { MemberView } from '../../../plugin/uplink/protocol/registrar-protocol.ts';
import { UplinkWorld } from '../../support/uplink/uplink-world.ts';

const [HOUR, URL] = [3_600_000, 'wss://hub.example.net/'];

function worldWithTls() {
  const world = new UplinkWorld({ tls: { port: 443, url: URL } });
  return { world, host: world.host() };
}

async function joined(before: (host: ReturnType<typeof worldWithTls>['host']) => void) {
  const { world, host } = worldWithTls();
  before(host);
  const status = await world.until(host.uplinks.join(await world.invite(), 'uplink0'));
  return { world, host, status };
}

async function wayOf({ host }: Pick<ReturnType<typeof worldWithTls>, 'host'>) {
  const [status] = await host.uplinks.status();
  return `${status?.state} ${status?.way} ${status?.endpoint}`;
}

const UDP = 'up udp 203.0.113.10:51820';
const TLS = 'up tls hub.example.net:443';

describe('a join', () => {
  it('by UDP opens no stream', async () => {
    const { host, status } = await joined(() => undefined);
    expect([host.streams, status.way, await wayOf({ host })]).toEqual([0, 'udp', UDP]);
  });

  it('with UDP blocked goes over TLS after 5 s, without a word from the user', async () => {
    const { host, status } = await joined((one) => (one.isUdpBlocked = true));
    expect(status.way).toBe('tls');
    expect(status.ms).toBeGreaterThanOrEqual(5_000);
    expect(status.ms).toBeLessThan(6_000);
    expect([await wayOf({ host }), host.carrier]).toEqual([TLS, true]);
    expect(host.disk.get('uplink0')).toMatchObject({ isByStream: true, hub: { tlsUrl: URL } });
  });

  it('that fails both ways says what was tried, and why there was no stream', async () => {
    const { world, host } = worldWithTls();
    host.isUdpBlocked = host.isTlsBlocked = true;
    const join = host.uplinks.join(await world.invite(), 'uplink0');
    await expect(world.until(join)).rejects.toThrow(
      'the hub of "hq" does not answer on UDP 203.0.113.10:51820, and not over TLS on hub.example.net:443 (connect ECONNREFUSED) (2 tries, 10 s); see that the hub runs, and that no firewall between here and there stops it',
    );
    expect(host.kernel).toBeUndefined();
  });

  it('with --via goes by ssh, and tries nothing else', async () => {
    const { world, host } = worldWithTls();
    const via = 'ssh://root@hub?jump=a,b';
    const join = host.uplinks.join(await world.invite(), 'uplink0', { via });
    expect(await world.until(join)).toMatchObject({ way: 'ssh', endpoint: 'root@hub by a, b' });
    await world.clock.pass(30_000);
    expect(await wayOf({ host })).toBe('up ssh root@hub by a, b');
    const bad = host.uplinks.join(await world.invite('other'), 'uplink1', { via: 'ssh://-oX@hub' });
    await expect(bad).rejects.toThrow('--via ssh://-oX@hub is no way');
  });

  it('with --proxy keeps the proxy, and says by which one it goes', async () => {
    const { world, host } = worldWithTls();
    host.isUdpBlocked = true;
    const proxy = 'http://me:secret@proxy.example.net:3128';
    await world.until(host.uplinks.join(await world.invite(), 'uplink0', { proxy }));
    expect(await wayOf({ host })).toBe(`${TLS} by proxy.example.net:3128`);
    expect(host.disk.get('uplink0')).toMatchObject({ proxy });
    host.uplinks.close();
    host.boot();
    await host.start();
    await world.clock.pass(1_000);
    expect(await wayOf({ host })).toBe(`${TLS} by proxy.example.net:3128`);
  });

  it('with a --proxy that is none, or with --via beside it, is refused and leaves nothing', async () => {
    const { world, host } = worldWithTls();
    const token = await world.invite();
    const join = (options: object) => host.uplinks.join(token, 'uplink0', options);
    await expect(join({ proxy: 'socks5://a:1' })).rejects.toThrow('is no HTTP proxy; write it as');
    await expect(join({ proxy: 'a:1', via: 'ssh://hub' })).rejects.toThrow(
      '--proxy is for the way over TLS, and --via for ssh',
    );
    expect([host.kernel, host.disk.size]).toEqual([undefined, 0]);
  });

  it('with --via that fails says what ssh says', async () => {
    const { world, host } = worldWithTls();
    host.isTlsBlocked = true;
    const join = host.uplinks.join(await world.invite(), 'uplink0', { via: 'ssh://hub' });
    await expect(world.until(join)).rejects.toThrow(
      'does not answer by ssh to hub (connect ECONNREFUSED) (2 tries, 10 s)',
    );
  });
});

describe('a member by UDP', () => {
  it('goes over TLS when UDP is blocked, and back soon after it opens', async () => {
    const { world, host } = await joined(() => undefined);
    host.isUdpBlocked = true;
    for (let ms = 0; ms < 10_000; ms += 100) {
      await world.clock.pass(100);
      expect(host.carrier).toBe(true);
    }
    expect(await wayOf({ host })).toBe(TLS);
    host.isUdpBlocked = false;
    await world.clock.pass(12_000);
    expect([await wayOf({ host }), host.carrier]).toEqual([UDP, true]);
    expect(host.disk.get('uplink0')).toMatchObject({ isByStream: false });
  });

  it('that has a gap of some seconds stays on UDP, and leaves no stream behind', async () => {
    const { world, host } = await joined(() => undefined);
    host.isUdpBlocked = true;
    await world.clock.pass(6_500);
    host.isUdpBlocked = false;
    await world.clock.pass(20_000);
    expect([await wayOf({ host }), host.carrier, host.hasStream]).toEqual([UDP, true, false]);
  });

  it('is over TLS within 5 s in another network where UDP is blocked', async () => {
    const { world, host } = await joined(() => undefined);
    await world.clock.pass(500);
    host.isUdpBlocked = true;
    host.way = 'cafe';
    host.networkChanged();
    await world.clock.pass(5_000);
    expect([await wayOf({ host }), host.carrier]).toEqual([TLS, true]);
  });

  it('comes back by UDP within 2 s after a cut of both, as without TLS', async () => {
    for (let offset = 0; offset < 4_000; offset += 370) {
      const { world, host } = await joined(() => undefined);
      world.isCut = true;
      await world.clock.pass(60_000 + offset);
      world.isCut = false;
      await world.clock.pass(2_100);
      expect([offset, host.carrier, await wayOf({ host })]).toEqual([offset, true, UDP]);
    }
  });
});

describe('a member over TLS', () => {
  const overTls = () => joined((host) => (host.isUdpBlocked = true));

  it('tries UDP at once in another network, and opens the stream anew', async () => {
    const { world, host } = await overTls();
    await world.clock.pass(5_000);
    const before = host.streams;
    host.isUdpBlocked = false;
    host.way = 'cafe';
    host.networkChanged();
    await world.clock.pass(1_000);
    expect([await wayOf({ host }), host.streams - before]).toEqual([UDP, 1]);
  });

  it('in another network without UDP is back over TLS within 5 s', async () => {
    const { world, host } = await overTls();
    host.way = 'cafe';
    host.networkChanged();
    await world.clock.pass(4_000);
    expect([await wayOf({ host }), host.carrier]).toEqual([TLS, true]);
  });

  it('begins over TLS after a restart of its service, and not with a silence', async () => {
    const { world, host } = await overTls();
    host.uplinks.close();
    host.boot();
    await host.start();
    await world.clock.pass(1_000);
    expect([await wayOf({ host }), host.carrier]).toEqual([TLS, true]);
    await world.clock.pass(60_000);
    expect([await wayOf({ host }), host.carrier]).toEqual([TLS, true]);
  });

  it('comes back when TLS was away, also if UDP stays blocked', async () => {
    const { world, host } = await overTls();
    host.isTlsBlocked = true;
    await world.clock.pass(30_000);
    expect(host.carrier).toBe(false);
    host.isTlsBlocked = false;
    await world.clock.pass(5_000);
    expect([await wayOf({ host }), host.carrier]).toEqual([TLS, true]);
  });

  it('that leaves while UDP is tried tells the hub over TLS', async () => {
    const { world, host } = await overTls();
    for (let ms = 0; ms < 2 * HOUR && !host.kernel?.hub.endpoint?.includes(':51820'); ms += 100) {
      await world.clock.pass(100);
    }
    expect(host.kernel?.hub.endpoint).toBe('203.0.113.10:51820'); // the try has begun
    const left = await world.until(host.uplinks.leave('uplink0'));
    expect(left).toEqual({ device: 'uplink0', isTold: true });
    expect([host.kernel, host.hasStream, host.disk.size]).toEqual([undefined, false, 0]);
  });

  it('is told by the hub when TLS is to be reached elsewhere', async () => {
    const { world, host } = await joined(() => undefined);
    const moved = 'wss://www.example.net/vlandhcp';
    // As an operator does it: the hub reads its record when it starts. The old one never knows.
    world.record = { ...world.record, tls: { port: 8443, url: moved } };
    world.hub.close();
    world.startHub();
    await world.hub.start();
    await world.clock.pass(3_000);
    expect(host.disk.get('uplink0')?.view).toMatchObject({ tlsUrl: moved, revision: 1 });
  });
});

describe('a member by ssh over jump hosts', () => {
  const via = 'ssh://root@hub?jump=192.0.2.1,b';

  async function overSsh() {
    const { world, host } = worldWithTls();
    const routes = new Map<string, string>();
    host.wayTo = (endpoint) => routes.get(endpoint) ?? 'eth0';
    await world.until(host.uplinks.join(await world.invite(), 'uplink0', { via }));
    await world.clock.pass(1_000);
    const [before, carriers] = [host.movedStreams, [] as (boolean | undefined)[]];
    const change = async (endpoint: string) => {
      routes.set(endpoint, 'eth1');
      host.networkChanged();
      for (let ms = 0; ms < 1_000; ms += 100) {
        await world.clock.pass(100);
        carriers.push(host.carrier);
      }
    };
    return { host, change, carriers, moved: () => host.movedStreams - before };
  }

  it('opens a new stream as soon as the first jump host is reached by another link', async () => {
    const { host, change, carriers, moved } = await overSsh();
    await change('192.0.2.1:22');
    expect([moved(), new Set(carriers), await wayOf({ host })]).toEqual([
      1,
      new Set([true]),
      'up ssh root@hub by 192.0.2.1, b',
    ]);
  });

  it('keeps its stream when the route to the hub itself changes', async () => {
    const { change, moved } = await overSsh();
    await change('203.0.113.10:51820');
    expect(moved()).toBe(0);
  });
});

/** The machine alone, over hours. Each word is answered, if UDP or the stream passes it. */
function hours(count: number, env: Partial<MemberEnv>, isUdpOpen: (now: number) => boolean) {
  const view: MemberView = {
    ...{ name: 'laptop', site: 'hq', address: '10.83.41.3', vni: 0x766403, vlans: [500] },
    ...{ mtu: 1500, mesh: false, held: false, revision: 1, tlsUrl: URL },
  };
  const tries: number[] = [];
  let now = 0;
  let state = { name: 'IDLE' } as MemberState;
  const isByTls = () => 'attempt' in state && state.attempt % 2 === 1;
  const say = (event: MemberEvent): void => {
    const all = { now, addresses: 1, streams: 'also' as const, isStreamOpen: true };
    const quiet = { hasStreamFailed: false, isIdle: true };
    const { state: next, effects } = step(state, event, { ...all, ...quiet, ...env });
    state = next;
    for (const { type } of effects) {
      if (type === 'try-udp') tries.push(now);
      if (type === 'try-udp' || type === 'revive') say({ type: 'revived' });
      const isHeard = isByTls() || isUdpOpen(now);
      if (type === 'say-word' && isHeard) say({ type: 'word', isFresh: true });
    }
  };
  say({ type: 'resume', view, byStream: true });
  for (; now < count * HOUR; now = Math.max(now + 1, nextDeadline(state))) say({ type: 'tick' });
  return { tries, state, isByTls: isByTls() };
}

describe('over hours', () => {
  it('UDP is tried soon after a start, and then once an hour', () => {
    const { tries, state, isByTls } = hours(3.5, {}, () => false);
    const minutes = tries.map((at) => Math.round(at / 60_000));
    expect([minutes, state.name, isByTls]).toEqual([[0, 60, 120, 180], 'UP', true]);
  });

  it('UDP that opens is in use within the hour, and stays', () => {
    const { tries, isByTls } = hours(3.5, {}, (now) => now > HOUR / 2);
    expect([tries.length, isByTls]).toEqual([2, false]);
  });

  it('UDP is not tried while much passes', () => {
    const { tries, isByTls } = hours(3.5, { isIdle: false }, () => true);
    expect([tries, isByTls]).toEqual([[], true]);
  });

  it('a way that a person has chosen is never left', () => {
    const { tries, isByTls } = hours(3.5, { streams: 'only' }, () => true);
    expect([tries, isByTls]).toEqual([[], true]);
  });
});
