import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BridgeAccess } from '../../../plugin/networks/bridge-access.ts';
import { joinAnswer } from '../../../plugin/endpoints/answers.ts';
import { JoinTimers } from '../../../plugin/leases/join-timers.ts';
import { KeyedLock } from '../../../plugin/keyed-lock.ts';
import { runEach, UndoList } from '../../../plugin/undo.ts';
import type { LeaseTerms, Route } from '../../../plugin/vocabulary/lease.ts';
import { ipv4FromNumber, networkOf, type Ipv4 } from '../../../plugin/wire/address.ts';
import { FakeClock, settled } from '../../support/time/fake-clock.ts';
import { FakeHost } from '../../support/fakes/fake-host/fake-host.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { ip, lease } from '../../support/frames/messages.ts';

const route = (text: string, via?: string): Route => {
  const [destination, prefixLength] = text.split('/');
  return {
    destination: ip(destination!),
    prefixLength: Number(prefixLength),
    via: via === undefined ? undefined : ip(via),
  };
};

describe('the answer to Join', () => {
  const answer = (terms: Partial<LeaseTerms>, internal = false) =>
    joinAnswer(
      { containerEnd: 'vdc0', terms: { answered: lease(terms), configured: undefined } },
      internal,
    );

  it('gateway on the segment: nothing but the gateway', () => {
    expect(answer({})).toEqual({ srcName: 'vdc0', gateway: '192.0.2.1', staticRoutes: [] });
  });

  it('no gateway: none, and DisableGatewayService keeps docker_gwbridge away', () => {
    expect(answer({ gateway: undefined })).toMatchObject({ gateway: undefined, staticRoutes: [] });
  });

  it('routes of option 121 are passed on as they are (RFC 3442)', () => {
    const routes = [route('10.0.0.0/8', '192.0.2.9'), route('198.51.100.0/24')];
    expect(answer({ routes }).staticRoutes).toEqual(routes);
  });

  it('a gateway outside the subnet gets a host route on the link, else the start fails', () => {
    expect(answer({ gateway: ip('198.51.100.1') })).toMatchObject({
      gateway: '198.51.100.1',
      staticRoutes: [route('198.51.100.1/32')],
    });
    expect(answer({ prefixLength: 32 }).staticRoutes).toEqual([route('192.0.2.1/32')]);
  });

  it('a next hop outside the subnet gets one, too, and only one', () => {
    const routes = [route('10.0.0.0/8', '198.51.100.1'), route('172.16.0.0/12', '198.51.100.1')];
    expect(answer({ routes }).staticRoutes).toEqual([route('198.51.100.1/32'), ...routes]);
  });

  it('an on-link route that covers the gateway is enough', () => {
    const routes = [route('198.51.100.0/24')];
    expect(answer({ gateway: ip('198.51.100.1'), routes }).staticRoutes).toEqual(routes);
  });

  it('--internal: no gateway and no route, on-link or not', () => {
    const routes = [route('10.0.0.0/8', '192.0.2.9'), route('198.51.100.0/24')];
    expect(answer({ routes }, true)).toEqual({
      srcName: 'vdc0',
      gateway: undefined,
      staticRoutes: [],
    });
  });

  it("the segment's own subnet is left out: the kernel has that route from the address, and a second one fails the start", () => {
    const routes = [
      route('192.0.2.0/24'),
      route('192.0.2.0/24', '192.0.2.1'),
      route('192.0.2.0/25'),
    ];
    expect(answer({ routes }).staticRoutes).toEqual([route('192.0.2.0/25')]);
  });

  it('of two routes to one destination the first counts: a second one fails the start', () => {
    const routes = [route('10.0.0.0/8', '192.0.2.9'), route('10.0.0.0/8', '192.0.2.10')];
    expect(answer({ routes }).staticRoutes).toEqual([routes[0]]);
  });

  it('a default route that got here from anywhere is never passed on (trap 9)', () => {
    expect(
      answer({ routes: [route('0.0.0.0/0', '192.0.2.9'), route('0.0.0.0/0')] }).staticRoutes,
    ).toEqual([]);
  });

  it('a route to the very gateway is left out where the gateway needs one on the link', () => {
    const gateway = ip('198.51.100.1');
    const routes = [{ destination: gateway, prefixLength: 32, via: ip('192.0.2.9') }];
    expect(answer({ gateway, routes }).staticRoutes).toEqual([
      { destination: gateway, prefixLength: 32, via: undefined },
    ]);
  });

  it('whatever the lease: destinations whole, masked and unique, no default route, every hop reachable', () => {
    const address = fc.integer({ min: 0x01000000, max: 0xdfffffff }).map(ipv4FromNumber);
    const anyRoute = fc
      .record({
        to: address,
        prefixLength: fc.integer({ min: 1, max: 32 }),
        via: fc.option(address, { nil: undefined }),
      })
      .map(({ to, prefixLength, via }) => ({
        destination: networkOf(to, prefixLength),
        prefixLength,
        via,
      }));
    const terms = fc.record({
      address,
      prefixLength: fc.integer({ min: 1, max: 32 }),
      gateway: fc.option(address, { nil: undefined }),
      routes: fc.array(anyRoute, { maxLength: 6 }),
    });
    fc.assert(
      fc.property(terms, fc.boolean(), (given, internal) => {
        const { gateway, staticRoutes } = answer(given, internal);
        const keys = staticRoutes.map((r) => `${r.destination}/${r.prefixLength}`);
        expect(new Set(keys).size).toBe(keys.length);
        const own = `${networkOf(given.address, given.prefixLength)}/${given.prefixLength}`;
        expect(keys).not.toContain(own);
        const onLink = [
          { destination: given.address, prefixLength: given.prefixLength },
          ...staticRoutes.filter(({ via }) => via === undefined),
        ];
        const hops = [gateway, ...staticRoutes.map(({ via }) => via)];
        for (const hop of hops.filter((h): h is Ipv4 => h !== undefined)) {
          const isReachable = onLink.some(
            (r) => networkOf(hop, r.prefixLength) === networkOf(r.destination, r.prefixLength),
          );
          expect(isReachable).toBe(true);
        }
        for (const { destination, prefixLength } of staticRoutes) {
          expect(prefixLength).toBeGreaterThan(0);
          expect(networkOf(destination, prefixLength)).toBe(destination);
        }
        if (internal)
          expect([gateway, onLink.length]).toEqual([undefined, staticRoutes.length + 1]);
      }),
    );
  });
});

describe('join timers', () => {
  const timers = (clock = new FakeClock()) => {
    const expired: string[] = [];
    return { clock, expired, timers: new JoinTimers(clock, 1000, (id) => void expired.push(id)) };
  };

  it('fire once, after the timeout; arming again starts anew', async () => {
    const { clock, expired, timers: t } = timers();
    t.arm('a');
    await clock.pass(999);
    t.arm('a');
    await clock.pass(999);
    expect(expired).toEqual([]);
    await clock.pass(10_000);
    expect(expired).toEqual(['a']);
    expect(clock.pending).toBe(0);
  });

  it('do not fire early when the clock does', async () => {
    const { clock, expired, timers: t } = timers(new FakeClock({ earlyBy: 0.9 }));
    t.arm('a');
    await clock.pass(999.5);
    expect(expired).toEqual([]);
    await clock.pass(1);
    expect(expired).toEqual(['a']);
  });

  it('disarming and closing leave none', async () => {
    const { clock, expired, timers: t } = timers();
    for (const id of ['a', 'b', 'c']) t.arm(id);
    t.disarm('a');
    t.disarm('unknown');
    t.close();
    await clock.pass(10_000);
    expect([expired, clock.pending]).toEqual([[], 0]);
  });
});

describe('the keyed lock', () => {
  it('runs one at a time per key in the order of asking, and keys beside each other', async () => {
    const lock = new KeyedLock();
    const log: string[] = [];
    const work = (key: string, name: string) =>
      lock.run(key, async () => {
        log.push(`${name} begins`);
        await settled();
        log.push(`${name} ends`);
      });
    await Promise.all([work('a', 'a1'), work('a', 'a2'), work('b', 'b1')]);
    expect(log.filter((line) => line.startsWith('a'))).toEqual([
      'a1 begins',
      'a1 ends',
      'a2 begins',
      'a2 ends',
    ]);
    expect(log.indexOf('b1 begins')).toBeLessThan(log.indexOf('a1 ends'));
  });

  it('hands the result or the failure to the one who asked, and goes on', async () => {
    const lock = new KeyedLock();
    const failing = lock.run('a', () => Promise.reject(new Error('no')));
    const next = lock.run('a', () => Promise.resolve('yes'));
    await expect(failing).rejects.toThrow('no');
    expect(await next).toBe('yes');
  });
});

describe('taking back', () => {
  it('undo runs every step, last first', async () => {
    const undo = new UndoList();
    const log: number[] = [];
    for (const step of [1, 2, 3]) undo.add(() => void log.push(step));
    const why = new Error('x');
    expect(await undo.run(why)).toBe(why);
    expect(log).toEqual([3, 2, 1]);
  });

  it('undo that fails tells the reason first, then what failed', async () => {
    const undo = new UndoList();
    let done = false;
    undo.add(() => void (done = true));
    undo.add(() => Promise.reject(new Error('stuck')));
    const error = await undo.run(new Error('why'));
    expect(done).toBe(true);
    expect((error as AggregateError).message).toBe('why; clean-up failed too');
    expect((error as AggregateError).errors.map(String)).toEqual(['Error: why', 'Error: stuck']);
  });

  it('runEach goes on after a failure and tells one as it is, several together', async () => {
    const one = new Error('one');
    const fail = (error: Error) => () => Promise.reject(error);
    let done = 0;
    const step = () => void (done += 1);
    await runEach(step, step);
    await expect(runEach(step, fail(one), step)).rejects.toBe(one);
    await expect(runEach(fail(one), step, fail(new Error('two')))).rejects.toThrow('one; two');
    expect(done).toBe(5);
  });
});

describe("the firewall's rule (D6)", () => {
  const rig = () => {
    const host = new FakeHost();
    const clock = new FakeClock();
    const log = new MemoryLogger();
    return { host, clock, log, access: new BridgeAccess({ host, clock, log }) };
  };

  it('comes back by itself when a firewall reload flushed it', async () => {
    const { host, clock, access } = rig();
    await access.grant('br500');
    host.rules.clear();
    await clock.pass(30_000);
    expect([...host.rules]).toEqual(['br500']);
  });

  it('comes back within a second of a change that the kernel tells of, at any age of the plugin', async () => {
    const { host, clock, log, access } = rig();
    await access.grant('br500');
    await access.grant('br600');
    await clock.pass(86_400_000);
    const added = () => log.messages('info').filter((text) => text.includes('rule')).length;
    const before = added();
    host.rules.clear();
    host.changeFirewall();
    await clock.pass(1000);
    expect([...host.rules]).toEqual(['br500', 'br600']);
    expect(added()).toBe(before + 1);
  });

  it('a crowd of changes costs one look, and the change that the look makes one more', async () => {
    const { host, clock, access } = rig();
    await access.grant('br500');
    await clock.pass(2000);
    const looks = host.count('ensureBridgeAccept');
    host.rules.clear();
    for (let count = 0; count < 1000; count += 1) host.changeFirewall();
    await clock.pass(20_000);
    expect(host.count('ensureBridgeAccept')).toBe(looks + 2);
  });

  it('a firewall that never rests is looked at once a second at most', async () => {
    const { host, clock, access } = rig();
    await access.grant('br500');
    const looks = host.count('ensureBridgeAccept');
    for (let passed = 0; passed < 10_000; passed += 10) {
      host.changeFirewall();
      await clock.pass(10);
    }
    const seen = host.count('ensureBridgeAccept') - looks;
    expect(seen).toBeGreaterThanOrEqual(8);
    expect(seen).toBeLessThanOrEqual(10);
  });

  it('a start right after a change does not wait for the look that is due: it looks', async () => {
    const { host, access } = rig();
    await access.grant('br500');
    await access.ensureGranted('br500');
    host.rules.clear();
    host.changeFirewall();
    await access.ensureGranted('br500');
    expect([...host.rules]).toEqual(['br500']);
    host.rules.clear();
    host.changeFirewallQuietly();
    await access.ensureGranted('br500');
    expect([...host.rules]).toEqual(['br500']);
  });

  it('a look that began before the change is not good enough for a start after it', async () => {
    const { host, access } = rig();
    await access.grant('br500');
    await access.ensureGranted('br500');
    const looks = host.count('ensureBridgeAccept');
    const early = access.grant('br500');
    host.changeFirewall();
    await Promise.all([early, access.ensureGranted('br500')]);
    expect(host.count('ensureBridgeAccept')).toBe(looks + 2);
  });

  it('where the kernel tells nothing, a start looks as long as no chain was seen', async () => {
    const { host, clock, access } = rig();
    host.tellsOfFirewall = false;
    host.hasChain = false;
    await access.grant('br500');
    await clock.pass(600_000);
    host.hasChain = true;
    await access.ensureGranted('br500');
    expect([...host.rules]).toEqual(['br500']);
  });

  it('is set when Docker makes its chain after us, before the first lease is asked for', async () => {
    const { host, access } = rig();
    host.hasChain = false;
    await access.grant('br500');
    host.hasChain = true;
    host.changeFirewall();
    await access.ensureGranted('br500');
    await access.ensureGranted('br500');
    expect([...host.rules]).toEqual(['br500']);
    const looks = host.count('ensureBridgeAccept');
    await access.ensureGranted('br500');
    expect(host.count('ensureBridgeAccept')).toBe(looks);
  });

  it('is not asked for again and again where Docker runs without iptables', async () => {
    const { host, access } = rig();
    host.hasChain = false;
    await access.grant('br500');
    const looks = host.count('ensureBridgeAccept');
    await access.ensureGranted('br500');
    expect(host.count('ensureBridgeAccept')).toBe(looks);
  });

  it('a look that failed settles nothing: a start looks again, and so does the clock, soon', async () => {
    const { host, clock, log, access } = rig();
    host.firewallFails = true;
    await access.ensureGranted('br500');
    host.firewallFails = false;
    await access.ensureGranted('br500');
    expect([...host.rules]).toEqual(['br500']);
    host.firewallFails = true;
    await access.grant('br600');
    host.firewallFails = false;
    await clock.pass(1_000);
    expect([...host.rules]).toEqual(['br500', 'br600']);
    expect(log.messages('warn')).toHaveLength(2);
  });

  it('a look that was broken off is made again soon, too', async () => {
    const { host, clock, access } = rig();
    host.failing.set('ensureBridgeAccept', new Error('boom'));
    await access.grant('br500');
    host.failing.clear();
    await clock.pass(1_000);
    expect([...host.rules]).toEqual(['br500']);
  });

  it('a firewall that always fails is looked at less and less often, and no more by each start', async () => {
    const { host, clock, log, access } = rig();
    host.firewallFails = true;
    await access.ensureGranted('br500');
    await clock.pass(125_000);
    const looks = host.count('ensureBridgeAccept');
    expect(looks).toBeLessThan(15);
    await access.ensureGranted('br500');
    expect(host.count('ensureBridgeAccept')).toBe(looks);
    expect(log.messages('warn')).toHaveLength(1);
    host.firewallFails = false;
    await clock.pass(30_000);
    expect([...host.rules]).toEqual(['br500']);
  });

  it('one look serves all bridges', async () => {
    const { host, clock, access } = rig();
    for (const bridge of ['br500', 'br600', 'br700']) await access.grant(bridge);
    await clock.pass(2000);
    host.rules.clear();
    const looks = host.count('ensureBridgeAccept');
    await clock.pass(600_000);
    // One look finds the change. Another follows our own change.
    expect(host.count('ensureBridgeAccept')).toBe(looks + 2);
    expect([...host.rules]).toEqual(['br500', 'br600', 'br700']);
  });

  it('is looked at every 10 minutes where the kernel reports changes, else every 30 s', async () => {
    const { host, clock, access } = rig();
    await access.grant('br500');
    await clock.pass(2000);
    const looksIn = async (ms: number) => {
      const before = host.count('ensureBridgeAccept');
      await clock.pass(ms);
      return host.count('ensureBridgeAccept') - before;
    };
    expect(await looksIn(3_600_000)).toBe(6);
    host.tellsOfFirewall = false;
    expect(await looksIn(3_600_000)).toBe(120);
  });

  it('at a start one look serves all bridges that are not settled', async () => {
    const { host, access } = rig();
    await access.ensureAllGranted(['br500', 'br600', 'br500']);
    expect([host.count('ensureBridgeAccept'), [...host.rules]]).toEqual([1, ['br500', 'br600']]);
  });

  it('looks under way are shared', async () => {
    const { host, access } = rig();
    await Promise.all([access.grant('br500'), access.grant('br500'), access.grant('br600')]);
    expect(host.count('ensureBridgeAccept')).toBe(2);
  });

  it('is not put back for a bridge that is given up while a look is under way', async () => {
    const { host, clock, access } = rig();
    void access.grant('br500');
    await access.revoke('br500');
    await clock.pass(60_000);
    expect([...host.rules]).toEqual([]);
  });

  it('closing stops the interval', async () => {
    const { host, clock, access } = rig();
    await access.grant('br500');
    access.close();
    host.changeFirewall();
    await clock.pass(300_000);
    expect([clock.pending, host.count('ensureBridgeAccept')]).toEqual([0, 1]);
  });

  it("the host's warnings go to the log", async () => {
    const { host, log, access } = rig();
    host.warnings = ['iptables is missing'];
    await access.grant('br500');
    await access.revoke('br500');
    expect(log.messages('warn')).toEqual(['iptables is missing', 'iptables is missing']);
  });
});
