import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeArpFrame, encodeArpFrame, type ArpFrame } from '../../../plugin/acd/frame.ts';
import {
  initialProbeState,
  nextProbeDeadline,
  PROBE_TRANSITIONS,
  soughtArp,
  type ProbeState,
} from '../../../plugin/acd/probe-state.ts';
import { stepProbe, type ProbeEffect, type ProbeEvent } from '../../../plugin/acd/probe.ts';
import { PROBE_PROFILES } from '../../../plugin/acd/profiles.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { ADDRESS, CLIENT_MAC, ip, mac } from '../../support/frames/messages.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';

const STRANGER = mac('02:00:00:00:00:99');
const ANY = ip('0.0.0.0');
const NOBODY = mac('00:00:00:00:00:00');

class ProbeRig {
  now = 0;
  state: ProbeState = initialProbeState();
  effects: readonly ProbeEffect[] = [];
  onConflict: 'defend' | 'leave' = 'defend';
  asksAgain = false;
  readonly profile: keyof typeof PROBE_PROFILES;
  readonly #random: () => number;

  constructor(profile: keyof typeof PROBE_PROFILES = 'fast', random = seededRandom(1)) {
    this.profile = profile;
    this.#random = random;
  }

  do(event: ProbeEvent): this {
    const profile = PROBE_PROFILES[this.profile];
    const { onConflict, asksAgain } = this;
    const config = { mac: CLIENT_MAC, profile, onConflict, asksAgain };
    const env = { now: this.now, random: this.#random, config };
    ({ state: this.state, effects: this.effects } = stepProbe(this.state, event, env));
    return this;
  }

  start(): this {
    return this.do({ type: 'start', address: ADDRESS });
  }

  announce(): this {
    return this.do({ type: 'announce', address: ADDRESS });
  }

  tick(): this {
    this.now = nextProbeDeadline(this.state);
    return this.do({ type: 'tick' });
  }

  arp(packet: Partial<ArpFrame>): this {
    return this.do({
      type: 'arp',
      packet: {
        operation: 'request',
        senderMac: STRANGER,
        source: packet.senderMac ?? STRANGER,
        senderAddress: ADDRESS,
        targetMac: NOBODY,
        targetAddress: ADDRESS,
        ...packet,
      },
    });
  }

  get types(): readonly string[] {
    return this.effects.map((effect) => effect.type);
  }
}

describe('probing (RFC 5227 §2.1.1)', () => {
  it.each([
    ['full', 0, [0, 1_000, 2_000], 4_000],
    ['full', 0.5, [500, 2_000, 3_500], 5_500],
    ['fast', 0.5, [0, 200], 400],
  ] as const)(
    'sends %s probes in time, then says that the address is free',
    (profile, roll, at, freeAt) => {
      const rig = new ProbeRig(profile, () => roll).start();
      const sentAt: number[] = rig.types.includes('send') ? [0] : [];
      while (rig.state.name === 'PROBING') {
        rig.tick();
        if (rig.types.includes('send')) sentAt.push(rig.now);
      }
      expect(sentAt).toEqual(at);
      expect([rig.now, rig.effects]).toEqual([freeAt, [{ type: 'free', address: ADDRESS }]]);
      expect(nextProbeDeadline(rig.state)).toBe(Infinity);
    },
  );

  it('sends the fields of a probe: sender 0.0.0.0, target hardware address zero', () => {
    expect(new ProbeRig().start().effects).toEqual([
      {
        type: 'send',
        packet: {
          operation: 'request',
          senderMac: CLIENT_MAC,
          senderAddress: ANY,
          targetMac: NOBODY,
          targetAddress: ADDRESS,
        },
      },
    ]);
  });

  it.each<[string, Partial<ArpFrame>]>([
    ['a reply from the address', { operation: 'reply', targetAddress: ANY }],
    ['a request from the address', { targetAddress: ip('192.0.2.9') }],
  ])('takes %s as a conflict', (_, packet) => {
    const rig = new ProbeRig().start().arp(packet);
    expect(rig.effects).toEqual([
      { type: 'conflict', address: ADDRESS, by: STRANGER, inUse: false },
    ]);
    expect(rig.state.name).toBe('IDLE');
  });

  it.each<[string, Partial<ArpFrame>]>([
    ['our own probe coming back', { senderMac: CLIENT_MAC, senderAddress: ANY }],
    ['a question for the address', { senderAddress: ip('192.0.2.9') }],
    ['a probe for another address', { senderAddress: ANY, targetAddress: ip('192.0.2.9') }],
    ['a reply from 0.0.0.0', { operation: 'reply', senderAddress: ANY }],
  ])('does not take %s as one', (_, packet) => {
    const rig = new ProbeRig().start();
    const before = rig.state;
    rig.arp(packet);
    expect([rig.state, rig.effects]).toEqual([before, []]);
  });

  it('waits for an event when idle, and does nothing on an early tick', () => {
    const rig = new ProbeRig().arp({}).do({ type: 'tick' });
    expect([rig.state.name, rig.effects, nextProbeDeadline(rig.state)]).toEqual([
      'IDLE',
      [],
      Infinity,
    ]);
    rig.start();
    const before = rig.state;
    rig.now += 199;
    expect(rig.do({ type: 'tick' }).state).toEqual(before);
  });

  it('can be stopped', () => {
    expect(new ProbeRig().start().do({ type: 'stop' }).state.name).toBe('IDLE');
  });

  it('hears a conflict between the probe and the announcement', () => {
    const rig = new ProbeRig().start().tick().tick();
    expect(rig.state.name).toBe('FREE');
    expect(rig.do({ type: 'tick' }).state.name).toBe('FREE');
    expect(rig.arp({}).effects).toMatchObject([{ type: 'conflict', inUse: false }]);
  });
});

describe('an address that is in use before it is proven unused: one frame is no proof', () => {
  const asked = (): ProbeRig => {
    const rig = new ProbeRig();
    rig.asksAgain = true;
    return rig.start();
  };
  /** Runs until the probing has ended. @returns the times of the probes. */
  const toTheEnd = (rig: ProbeRig): readonly number[] => {
    const sentAt: number[] = [];
    while (rig.state.name === 'PROBING') {
      rig.tick();
      if (rig.types.includes('send')) sentAt.push(rig.now);
    }
    return sentAt;
  };

  it('everybody is asked once more, a little later and at the same pace, and the address is free', () => {
    const rig = asked();
    rig.now = 100;
    expect(rig.arp({}).effects).toEqual([{ type: 'doubted', address: ADDRESS, by: STRANGER }]);
    expect([toTheEnd(rig), rig.types, rig.now]).toEqual([[300, 500], ['free'], 700]);
  });

  it('copies of that frame do not count before the question is put', () => {
    const rig = asked().arp({}).arp({});
    rig.now = 150;
    rig.arp({ operation: 'reply', senderMac: mac('02:00:00:00:00:98') });
    expect([rig.effects, toTheEnd(rig).length, rig.types]).toEqual([[], 2, ['free']]);
  });

  it('an answer to it does: the address is given up', () => {
    const rig = asked().arp({}).tick();
    expect(rig.types).toEqual(['send']);
    const conflict = { type: 'conflict', address: ADDRESS, by: STRANGER, inUse: false };
    expect([rig.arp({ operation: 'reply' }).effects, rig.state.name]).toEqual([[conflict], 'IDLE']);
  });

  it('a frame that comes together with the end of the probing is asked about, too', () => {
    const rig = asked().tick();
    rig.now = nextProbeDeadline(rig.state);
    expect(rig.arp({}).types).toEqual(['free', 'doubted']);
    expect(toTheEnd(rig)).toHaveLength(2);
  });

  it('the next address is not under the doubt of the one before', () => {
    const rig = asked().arp({}).start();
    expect(rig.arp({}).types).toEqual(['doubted']);
  });

  it('a host that probes for it again has shown itself twice: that counts at once', () => {
    const rig = asked().arp({ senderAddress: ANY });
    rig.now = 100;
    expect(rig.arp({ senderAddress: ANY }).types).toEqual(['conflict']);
  });
});

describe('announcing (RFC 5227 §2.3)', () => {
  it('sends two announcements 2 s apart, sender and target both the address', () => {
    const rig = new ProbeRig().announce();
    expect(rig.effects).toMatchObject([
      { packet: { operation: 'request', senderAddress: ADDRESS, targetAddress: ADDRESS } },
    ]);
    expect(rig.tick().types).toEqual(['send']);
    expect([rig.now, nextProbeDeadline(rig.state)]).toEqual([2_000, Infinity]);
  });

  it.each([0, 0.25, 0.99])('once, within ten seconds, what was announced before: %d', (random) => {
    const rig = new ProbeRig('fast', () => random).do({ type: 'resume', address: ADDRESS });
    expect(rig.types).toEqual([]);
    expect(rig.tick().types).toEqual(['send']);
    expect([rig.now, nextProbeDeadline(rig.state)]).toEqual([random * 10_000, Infinity]);
  });
});

describe('a probe of another host while we probe (RFC 5227 §2.1.1)', () => {
  const probeOf = (parts: Partial<ArpFrame> = {}) => ({ senderAddress: ANY, ...parts });
  const later = (rig: ProbeRig, ms: number) => {
    rig.now += ms;
    return rig;
  };

  it.each<[string, Partial<ArpFrame>]>([
    ['in its own frame', {}],
    ['in a frame of another MAC', { source: mac('02:00:00:00:00:98') }],
  ])('is none of a host if it comes once, 50 ms after the ACK, %s: device tracking', (_, parts) => {
    for (const profile of ['fast', 'full'] as const) {
      const rig = later(new ProbeRig(profile, () => 0).start(), 50).arp(probeOf(parts));
      expect(rig.effects).toEqual([]);
      const freeAt: Record<typeof profile, number> = { fast: 400, full: 4_000 };
      while (rig.state.name === 'PROBING') rig.tick();
      expect([rig.effects, rig.now]).toEqual([
        [{ type: 'free', address: ADDRESS }],
        freeAt[profile],
      ]);
    }
  });

  it.each([
    ['a host probes again', 150, {}, ['conflict']],
    ['the same frame comes by another way', 10, {}, []],
    ['another monitor probes', 150, { senderMac: mac('02:00:00:00:00:97') }, []],
    ['the monitor names another MAC each time', 150, { source: mac('02:00:00:00:00:98') }, []],
  ])('%s: %i ms after the first', (_, gap, second, types) => {
    const rig = new ProbeRig().start().arp(probeOf());
    expect(later(rig, gap).arp(probeOf(second)).types).toEqual(types);
  });

  it('late in our own probing makes us wait until a host would have probed again, and probe once more', () => {
    const rig = later(new ProbeRig().start().tick(), 190).arp(probeOf());
    expect([rig.tick().types, rig.now]).toEqual([['send'], 400]);
    expect([rig.tick().types, rig.now]).toEqual([['free'], 390 + 250]);
  });

  it('two of them with any offset: at most one takes the address', () => {
    for (let offset = 0; offset <= 700; offset += 10) {
      const takers = race(offset);
      expect([offset, takers.length <= 1]).toEqual([offset, true]);
    }
  });

  it('once it is ours and on no link yet is answered, at most every 2 s', () => {
    const rig = new ProbeRig().start().tick().tick();
    expect(rig.arp(probeOf()).effects).toMatchObject([{ packet: { senderAddress: ADDRESS } }]);
    expect(later(rig, 1_999).arp(probeOf()).effects).toEqual([]);
    expect(later(rig, 1).arp(probeOf()).types).toEqual(['send']);
  });

  it('many of them, each of another MAC, hold up a start no longer than four do', () => {
    const rig = new ProbeRig().start().tick();
    for (let count = 0; count < 199; count += 1) {
      const octet = count.toString(16).padStart(2, '0');
      later(rig, 1).arp(probeOf({ senderMac: mac(`02:00:00:00:01:${octet}`) }));
    }
    while (rig.state.name === 'PROBING') rig.tick();
    expect([rig.types, rig.now]).toEqual([['free'], 204 + 250]);
  });
});

/**
 * Two hosts of ours on a wire without delay. The second starts `offset` ms later.
 * @returns the hosts that took the address.
 */
function race(offset: number): readonly string[] {
  const hosts = ['02:00:00:00:00:0a', '02:00:00:00:00:0b'].map((text, index) => ({
    own: mac(text),
    startsAt: index * offset,
    state: initialProbeState(),
  }));
  const step = (host: (typeof hosts)[number], event: ProbeEvent, now: number): void => {
    const config = { mac: host.own, profile: PROBE_PROFILES.fast, onConflict: 'defend' } as const;
    const env = { now, random: () => 0.5, config: { ...config, asksAgain: false } };
    const { state, effects } = stepProbe(host.state, event, env);
    host.state = state;
    for (const effect of effects) {
      if (effect.type !== 'send') continue;
      const packet = { ...effect.packet, source: host.own };
      for (const other of hosts) if (other !== host) step(other, { type: 'arp', packet }, now);
    }
  };
  for (let now = 0; now < 3_000; now += 5) {
    for (const host of hosts) {
      if (now === host.startsAt) step(host, { type: 'start', address: ADDRESS }, now);
      else if (now >= nextProbeDeadline(host.state)) step(host, { type: 'tick' }, now);
    }
  }
  return hosts.filter(({ state }) => state.name === 'FREE').map(({ own }) => own);
}

describe('defending (RFC 5227 §2.4)', () => {
  const defending = (onConflict: 'defend' | 'leave' = 'defend'): ProbeRig => {
    const rig = new ProbeRig();
    rig.onConflict = onConflict;
    return rig.announce().tick();
  };

  it.each([
    ['leave', 9_999, ['conflict']],
    ['leave', 10_000, ['send', 'claimed']],
    ['defend', 9_999, ['claimed']],
    ['defend', 10_000, ['send', 'claimed']],
  ] as const)('%s: answers once; a second conflict after %i ms gives %j', (how, gap, types) => {
    const rig = defending(how).arp({});
    expect(rig.types).toEqual(['send', 'claimed']);
    rig.now += gap;
    expect(rig.arp({}).types).toEqual(types);
  });

  it('says that the address was in use when it leaves', () => {
    expect(defending('leave').arp({}).arp({}).effects).toEqual([
      { type: 'conflict', address: ADDRESS, by: STRANGER, inUse: true },
    ]);
  });

  it.each<[string, Partial<ArpFrame>]>([
    ['a request', {}],
    ['a reply to everybody', { operation: 'reply' }],
    ['a reply to one host', { operation: 'reply', targetAddress: ip('192.0.2.9') }],
    ['a question from the address', { targetAddress: ip('192.0.2.9') }],
    ['a frame of another MAC', { source: mac('02:00:00:00:00:98') }],
    ['the sender everybody', { senderMac: mac('ff:ff:ff:ff:ff:ff') }],
    ['the sender nobody', { senderMac: NOBODY }],
  ])('answers what spoils the neighbours’ caches: %s', (_, packet) => {
    const rig = defending().arp(packet);
    expect(rig.types).toEqual(['send', 'claimed']);
    expect(rig.state.name).toBe('DEFENDING');
  });

  it.each<[string, Partial<ArpFrame>]>([
    ['the sender everybody', { senderMac: mac('ff:ff:ff:ff:ff:ff') }],
    ['the sender nobody', { senderMac: NOBODY }],
    ['our own MAC', { senderMac: CLIENT_MAC, source: STRANGER }],
  ])('does not refuse an address because of %s', (_, packet) => {
    expect(new ProbeRig().start().arp(packet).effects).toEqual([]);
  });

  it('is not a conflict when somebody probes for the address: the kernel answers', () => {
    expect(defending().arp({ senderAddress: ANY }).effects).toEqual([]);
  });

  it('goes on announcing after a conflict in between, and announcing anew does not allow more defences', () => {
    const rig = new ProbeRig().announce().arp({});
    expect(rig.tick().types).toEqual(['send']);
    expect(rig.arp({}).types).toEqual(['claimed']);
    rig.announce();
    expect(rig.arp({}).types).toEqual(['claimed']);
  });

  it('listens to nine frames in 10 s: the rest of a flood is not heard', () => {
    const rig = defending();
    const at = rig.now;
    for (let count = 0; count < 8; count += 1) rig.arp({});
    expect(soughtArp(rig.state)).toEqual({ address: ADDRESS, probes: false });
    rig.arp({});
    expect([soughtArp(rig.state), nextProbeDeadline(rig.state)]).toEqual([undefined, at + 10_000]);
    expect([rig.tick().types, soughtArp(rig.state)?.address]).toEqual([[], ADDRESS]);
    expect(rig.arp({}).types).toEqual(['send', 'claimed']);
  });

  it.each<[string, ProbeEvent | Partial<ArpFrame>]>([
    ['probes for the address', { senderAddress: ANY }],
    ['talk about others', { senderAddress: ip('192.0.2.9') }],
    ['our own, come back', { senderMac: CLIENT_MAC }],
    ['what cannot be read', { type: 'unreadable' }],
  ])('is not kept busy by %s either: after eight frames it listens to nothing', (_, frame) => {
    for (const isDefended of [false, true]) {
      const rig = defending();
      if (isDefended) rig.arp({});
      const at = rig.now;
      const hear = () => ('type' in frame ? rig.do(frame) : rig.arp(frame));
      for (let count = 0; count < 8; count += 1) {
        expect(soughtArp(rig.state)).toBeDefined();
        expect(hear().effects).toEqual([]);
      }
      expect([soughtArp(rig.state), nextProbeDeadline(rig.state)]).toEqual([
        undefined,
        at + 10_000,
      ]);
      rig.tick();
      expect(rig.arp({}).types).toEqual(['send', 'claimed']);
    }
  });

  it('hears who probes for the address until it is in use, then only who uses it', () => {
    const rig = new ProbeRig('fast').start();
    expect(soughtArp(rig.state)).toEqual({ address: ADDRESS, probes: true });
    while (rig.state.name === 'PROBING') rig.tick();
    expect(soughtArp(rig.state)).toEqual({ address: ADDRESS, probes: true });
    expect(soughtArp(rig.announce().state)).toEqual({ address: ADDRESS, probes: false });
    expect(soughtArp(rig.do({ type: 'stop' }).state)).toBeUndefined();
  });

  it('is disturbed by nothing unreadable while it probes', () => {
    const rig = new ProbeRig('fast').start();
    for (let count = 0; count < 20; count += 1) rig.do({ type: 'unreadable' });
    expect(soughtArp(rig.state)).toEqual({ address: ADDRESS, probes: true });
    expect(rig.do({ type: 'stop' }).do({ type: 'unreadable' }).effects).toEqual([]);
  });
});

it('stays on its table and keeps its deadline in the future', () => {
  const event: fc.Arbitrary<ProbeEvent> = fc.oneof(
    fc.constant<ProbeEvent>({ type: 'tick' }),
    fc.constantFrom<ProbeEvent>(
      { type: 'start', address: ADDRESS },
      { type: 'announce', address: ADDRESS },
      { type: 'stop' },
    ),
    fc.constantFrom(ADDRESS, ANY).map((senderAddress): ProbeEvent => ({
      type: 'arp',
      packet: {
        operation: 'request',
        senderMac: STRANGER,
        source: STRANGER,
        senderAddress,
        targetMac: NOBODY,
        targetAddress: ADDRESS,
      },
    })),
  );
  const moves = fc.array(fc.tuple(event, fc.integer({ min: 0, max: 3_000 })), { maxLength: 30 });
  fc.assert(
    fc.property(moves, fc.constantFrom('full' as const, 'fast' as const), (steps, profile) => {
      const rig = new ProbeRig(profile);
      for (const [next, pause] of steps) {
        rig.now += pause;
        for (const each of [{ type: 'tick' } as const, next]) {
          const from = rig.state.name;
          rig.do(each);
          if (rig.state.name !== from) expect(PROBE_TRANSITIONS[from]).toContain(rig.state.name);
          expect(nextProbeDeadline(rig.state)).toBeGreaterThan(rig.now);
        }
      }
    }),
    { numRuns: 100 },
  );
});

describe('ARP frames', () => {
  it.each([
    ['arping-probe', 'request', CLIENT_MAC, ANY, '192.0.2.1'],
    ['linux-arp-reply', 'reply', '02:00:00:00:00:01', '192.0.2.1', ANY],
    ['arping-announcement', 'request', CLIENT_MAC, '192.0.2.7', '192.0.2.7'],
  ])('reads a captured %s', (name, operation, senderMac, senderAddress, targetAddress) => {
    expect(decodeArpFrame(readFixture(name))).toMatchObject({
      operation,
      senderMac,
      senderAddress,
      targetAddress,
    });
  });

  it('sees in Linux’s answer to a probe that the address is taken', () => {
    const { senderMac, senderAddress } = decodeArpFrame(readFixture('linux-arp-reply'));
    const rig = new ProbeRig().do({ type: 'start', address: senderAddress });
    rig.arp({ operation: 'reply', senderMac, senderAddress, targetAddress: ANY });
    expect(rig.effects).toMatchObject([{ type: 'conflict', by: senderMac }]);
  });

  it('writes the bytes of arping’s announcement', () => {
    const captured = readFixture('arping-announcement');
    const ours = encodeArpFrame(decodeArpFrame(captured));
    expect(ours).toEqual(captured);
  });

  it('refuses a frame of another protocol', () => {
    expect(() => decodeArpFrame(readFixture('kea-ack'))).toThrow(
      expect.objectContaining({ what: 'EtherType', offset: 12 }),
    );
  });
});
