// Router solicitation (RFC 4861 §6.3.7) and duplicate address detection (RFC 4862 §5.4), in virtual
// time.
import { describe, expect, it } from 'vitest';
import {
  DUPLICATE_PROFILES,
  type DuplicateProfile,
} from '../../../plugin/ndp/duplicate-profiles.ts';
import {
  DUPLICATE_TRANSITIONS,
  initialDuplicateState,
  nextDuplicateDeadline,
  stepDuplicate,
  type DuplicateEffect,
  type DuplicateEvent,
} from '../../../plugin/ndp/duplicate.ts';
import {
  duplicateAddressProbe,
  neighborAnswer,
  routerSolicitation,
} from '../../../plugin/ndp/packets.ts';
import {
  initialSolicitationState,
  nextSolicitationDeadline,
  SOLICITATION_TRANSITIONS,
  stepSolicitation,
  type SolicitationEvent,
} from '../../../plugin/ndp/solicitation.ts';
import { CLIENT_MAC, ip6 } from '../../support/frames/messages.ts';
import { advertisement, frame, OTHER_MAC } from './ndp-messages.ts';

describe('router solicitation', () => {
  const rig = () => {
    let state = initialSolicitationState();
    return (type: SolicitationEvent['type'], now: number) => {
      const before = state.name;
      const step = stepSolicitation(state, { type }, { now, config: { mac: CLIENT_MAC } });
      state = step.state;
      if (state.name !== before) expect(SOLICITATION_TRANSITIONS[before]).toContain(state.name);
      return [
        state.name,
        step.effects.map((effect) => effect.type),
        nextSolicitationDeadline(state),
      ];
    };
  };

  it('is sent at once, then every 4 s, three times, and waits 1 s for the last answer', () => {
    const step = rig();
    expect(step('start', 100)).toEqual(['SOLICITING', ['send'], 4_100]);
    expect(step('tick', 4_099)).toEqual(['SOLICITING', [], 4_100]);
    expect(step('tick', 4_100)).toEqual(['SOLICITING', ['send'], 8_100]);
    expect(step('tick', 8_100)).toEqual(['SOLICITING', ['send'], 9_100]);
    expect(step('tick', 9_099)).toEqual(['SOLICITING', [], 9_100]);
    expect(step('tick', 9_100)).toEqual(['UNANSWERED', ['unanswered'], Infinity]);
    expect(step('tick', 99_999)).toEqual(['UNANSWERED', [], Infinity]);
    expect(step('advertised', 100_000)).toEqual(['ANSWERED', [], Infinity]);
    expect(step('start', 100_001)).toEqual(['SOLICITING', ['send'], 104_001]);
  });

  it('begins anew when the way is open again, if no router has answered', () => {
    const step = rig();
    expect(step('link', 0)).toEqual(['IDLE', [], Infinity]);
    step('start', 0);
    for (const at of [4_000, 8_000, 9_000]) step('tick', at);
    expect(step('link', 60_000)).toEqual(['SOLICITING', ['send'], 64_000]);
    expect(step('link', 60_001)).toEqual(['SOLICITING', [], 64_000]);
    step('advertised', 60_002);
    expect(step('link', 60_003)).toEqual(['ANSWERED', [], Infinity]);
  });

  it.each(['advertised', 'stop'] as const)('ends with %s', (type) => {
    const step = rig();
    step('start', 0);
    step(type, 10);
    expect(step('tick', 4_000)).toEqual([type === 'stop' ? 'IDLE' : 'ANSWERED', [], Infinity]);
  });

  it('has the form that is answered by unicast', () => {
    const { effects } = stepSolicitation(
      initialSolicitationState(),
      { type: 'start' },
      { now: 0, config: { mac: CLIENT_MAC } },
    );
    expect(effects).toEqual([{ type: 'send', frame: routerSolicitation(CLIENT_MAC) }]);
  });
});

describe('duplicate address detection', () => {
  const address = ip6('2001:db8::9');
  const group = 'ff02::1:ff00:9';
  const probeOfOther = frame('::', group, {
    type: 'neighbor-solicitation',
    target: address,
    options: [],
  });
  const question = frame('fe80::2', group, { ...probeOfOther.message });
  const claim = frame('2001:db8::9', 'ff02::1', {
    type: 'neighbor-advertisement',
    isRouter: false,
    isSolicited: false,
    isOverride: true,
    target: address,
    options: [],
  });
  const elsewhere = {
    ...probeOfOther,
    message: { ...probeOfOther.message, target: ip6('2001:db8::8') },
  };
  const claimElsewhere = { ...claim, message: { ...claim.message, target: ip6('2001:db8::8') } };
  const send = { type: 'send', frame: duplicateAddressProbe(CLIENT_MAC, address) };
  const free = { type: 'free', address };
  const conflict = { type: 'conflict', address, by: OTHER_MAC };
  const doubted = { type: 'doubted', address, by: OTHER_MAC };

  const rig = (profile: DuplicateProfile = DUPLICATE_PROFILES.full, asksAgain = false) => {
    let state = initialDuplicateState();
    return (event: DuplicateEvent, now: number): [string, readonly DuplicateEffect[], number] => {
      const before = state.name;
      const config = { mac: CLIENT_MAC, profile, asksAgain };
      const step = stepDuplicate(state, event, { now, config });
      state = step.state;
      if (state.name !== before) expect(DUPLICATE_TRANSITIONS[before]).toContain(state.name);
      return [state.name, step.effects, nextDuplicateDeadline(state)];
    };
  };
  const start = { type: 'start', address } as const;
  const tick = { type: 'tick' } as const;
  const hear = (heard: typeof claim | typeof question | ReturnType<typeof advertisement>) =>
    ({ type: 'frame', frame: heard }) as const;

  it.each([
    ['full', 1_000],
    ['fast', 300],
  ] as const)('%s asks once and listens for %i ms', (name, wait) => {
    const step = rig(DUPLICATE_PROFILES[name]);
    expect(step(start, 50)).toEqual(['PROBING', [send], 50 + wait]);
    expect(step(tick, 49 + wait)).toEqual(['PROBING', [], 50 + wait]);
    expect(step(tick, 50 + wait)).toEqual(['FREE', [free], Infinity]);
  });

  it('none takes the address as free at once', () => {
    expect(rig(DUPLICATE_PROFILES.none)(start, 0)).toEqual(['FREE', [free], Infinity]);
  });

  it('asks as often as DupAddrDetectTransmits says', () => {
    const step = rig({ DupAddrDetectTransmits: 2, RetransTimer: 400 });
    expect(step(start, 0)).toEqual(['PROBING', [send], 400]);
    expect(step(tick, 400)).toEqual(['PROBING', [send], 800]);
    expect(step(tick, 800)).toEqual(['FREE', [free], Infinity]);
  });

  it.each([
    ['an advertisement of the address (§5.4.4)', claim],
    ['a probe of another host (§5.4.3)', probeOfOther],
  ])('%s is a conflict, up to the last millisecond', (_, heard) => {
    const step = rig();
    step(start, 0);
    expect(step(hear(heard), 999)).toEqual(['IDLE', [conflict], Infinity]);
    expect(step(tick, 1_000)).toEqual(['IDLE', [], Infinity]);
  });

  it.each([
    ['a host that resolves the address (§5.4.3)', question],
    ['a probe for another address', elsewhere],
    ['an advertisement of another address', claimElsewhere],
    ['our own probe, which came back', { ...probeOfOther, sourceMac: CLIENT_MAC }],
    ['an RA', advertisement()],
  ])('%s is none, and gets no answer', (_, heard) => {
    const step = rig();
    step(start, 0);
    expect(step(hear(heard), 10)).toEqual(['PROBING', [], 1_000]);
  });

  it('a frame that comes after the time finds the address free', () => {
    const step = rig();
    step(start, 0);
    const [name, effects] = step(hear(probeOfOther), 1_000);
    expect([name, effects.map(({ type }) => type)]).toEqual(['FREE', ['free', 'send']]);
  });

  it('a free address is answered for: to who asks, and to all nodes at most once a second', () => {
    const step = rig(DUPLICATE_PROFILES.none);
    step(start, 0);
    const toOne = { type: 'send', frame: neighborAnswer(CLIENT_MAC, question) };
    const toAll = { type: 'send', frame: neighborAnswer(CLIENT_MAC, probeOfOther) };
    expect(toOne.frame).toMatchObject({
      destinationMac: OTHER_MAC,
      destination: 'fe80::2',
      source: address,
      message: { isSolicited: true, isOverride: true },
    });
    expect(toAll.frame).toMatchObject({ destination: 'ff02::1', message: { isSolicited: false } });
    expect(step(hear(question), 1)[1]).toEqual([toOne]);
    expect(step(hear(question), 2)[1]).toEqual([toOne]);
    expect(step(hear(probeOfOther), 3)[1]).toEqual([toAll]);
    expect(step(hear(probeOfOther), 1_002)[1]).toEqual([]);
    expect(step(hear(probeOfOther), 1_003)[1]).toEqual([toAll]);
    expect(step({ type: 'stop' }, 1_004)).toEqual(['IDLE', [], Infinity]);
    expect(step(hear(question), 1_005)[1]).toEqual([]);
  });

  it('an advertisement of a free address is a conflict', () => {
    const step = rig(DUPLICATE_PROFILES.none);
    step(start, 0);
    expect(step(hear(claim), 5)).toEqual(['IDLE', [conflict], Infinity]);
  });

  describe('of an address in use', () => {
    it('asks once more, after the copies of the first claim', () => {
      const step = rig(DUPLICATE_PROFILES.fast, true);
      step(start, 0);
      expect(step(hear(claim), 100)).toEqual(['PROBING', [doubted], 150]);
      expect(step(hear(claim), 149)).toEqual(['PROBING', [], 150]);
      expect(step(tick, 150)).toEqual(['PROBING', [send], 450]);
      expect(step(hear(claim), 200)).toEqual(['IDLE', [conflict], Infinity]);
    });

    it('keeps it if the claim is not repeated', () => {
      const step = rig(DUPLICATE_PROFILES.none, true);
      step(start, 0);
      expect(step(hear(claim), 100)).toEqual(['PROBING', [doubted], 150]);
      expect(step(tick, 150)).toEqual(['PROBING', [send], 200]);
      expect(step(tick, 200)).toEqual(['FREE', [free], Infinity]);
    });
  });
});
