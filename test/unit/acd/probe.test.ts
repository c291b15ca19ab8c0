import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeArpFrame, encodeArpFrame } from '../../../plugin/acd/frame.ts';
import {
  initialProbeState,
  nextProbeDeadline,
  PROBE_PROFILES,
  PROBE_TRANSITIONS,
  stepProbe,
} from '../../../plugin/acd/probe.ts';
import type { ProbeEffect, ProbeEvent, ProbeState } from '../../../plugin/acd/probe.ts';
import type { ArpPacket } from '../../../plugin/wire/arp.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { ADDRESS, CLIENT_MAC, ip, mac } from '../../support/messages.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const STRANGER = mac('02:00:00:00:00:99');
const ANY = ip('0.0.0.0');
const NOBODY = mac('00:00:00:00:00:00');

class ProbeRig {
  now = 0;
  state: ProbeState = initialProbeState();
  effects: readonly ProbeEffect[] = [];
  readonly profile: keyof typeof PROBE_PROFILES;
  readonly #random: () => number;

  constructor(profile: keyof typeof PROBE_PROFILES = 'fast', random = seededRandom(1)) {
    this.profile = profile;
    this.#random = random;
  }

  do(event: ProbeEvent): this {
    const config = { mac: CLIENT_MAC, profile: PROBE_PROFILES[this.profile] };
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

  arp(packet: Partial<ArpPacket>): this {
    return this.do({
      type: 'arp',
      packet: {
        operation: 'request',
        senderMac: STRANGER,
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

  it.each<[string, Partial<ArpPacket>]>([
    ['a reply from the address', { operation: 'reply', targetAddress: ANY }],
    ['a request from the address', { targetAddress: ip('192.0.2.9') }],
    ['another host’s probe for it', { senderAddress: ANY }],
  ])('takes %s as a conflict', (_, packet) => {
    const rig = new ProbeRig().start().arp(packet);
    expect(rig.effects).toEqual([
      { type: 'conflict', address: ADDRESS, by: STRANGER, inUse: false },
    ]);
    expect(rig.state.name).toBe('IDLE');
  });

  it.each<[string, Partial<ArpPacket>]>([
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
    expect(rig.arp({ senderAddress: ANY }).effects).toEqual([]);
    expect(rig.arp({}).effects).toMatchObject([{ type: 'conflict', inUse: false }]);
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

describe('defending (RFC 5227 §2.4)', () => {
  const defending = (): ProbeRig => new ProbeRig().announce().tick();

  it.each([
    [9_999, ['conflict']],
    [10_000, ['send', 'defended']],
  ])('answers once; a second conflict after %i ms gives %j', (gap, types) => {
    const rig = defending().arp({});
    expect(rig.types).toEqual(['send', 'defended']);
    rig.now += gap;
    expect(rig.arp({}).types).toEqual(types);
  });

  it('says that the address was in use when it gives up', () => {
    expect(defending().arp({}).arp({}).effects).toEqual([
      { type: 'conflict', address: ADDRESS, by: STRANGER, inUse: true },
    ]);
  });

  it('is not a conflict when somebody probes for the address: the kernel answers', () => {
    expect(defending().arp({ senderAddress: ANY }).effects).toEqual([]);
  });

  it('goes on announcing after a conflict in between', () => {
    const rig = new ProbeRig().announce().arp({});
    expect(rig.tick().types).toEqual(['send']);
    expect(rig.arp({}).types).toEqual(['conflict']);
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
