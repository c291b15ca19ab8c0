// INFORMATION-REQUEST (RFC 9915 §18.2.6, §21.23, §21.25).
import { describe, expect, it } from 'vitest';
import {
  INFORMATION_TRANSITIONS,
  initialInformationState,
  nextInformationDeadline,
  stepInformation,
} from '../../../plugin/dhcp6/client/information.ts';
import type {
  InformationEffect,
  InformationEvent,
  InformationState,
} from '../../../plugin/dhcp6/client/information.ts';
import { decodeFrame } from '../../../plugin/dhcp6/frame.ts';
import { optionOf, type Dhcp6Option } from '../../../plugin/dhcp6/options.ts';
import { duidOfMac } from '../../../plugin/vocabulary/ipv6/duid.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { mac } from '../../support/frames/messages.ts';
import { clientConfig6, DNS6, reply6, SERVER_DUID } from '../../support/frames/messages6.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';

class Rig {
  now = 0;
  state: InformationState = initialInformationState();
  effects: readonly InformationEffect[] = [];
  readonly #random = seededRandom(1);
  readonly #config;

  constructor(config = {}) {
    this.#config = clientConfig6(config);
  }

  do(event: InformationEvent): this {
    const before = this.state.name;
    const env = { now: this.now, random: this.#random, config: this.#config };
    ({ state: this.state, effects: this.effects } = stepInformation(this.state, event, env));
    if (this.state.name !== before) {
      expect(INFORMATION_TRANSITIONS[before]).toContain(this.state.name);
    }
    expect(this.deadline).toBeGreaterThan(this.now);
    return this;
  }

  tick(): this {
    this.now = this.deadline;
    return this.do({ type: 'tick' });
  }

  reply(options: readonly Dhcp6Option[] = [], parts = {}): this {
    const xid = this.state.name === 'ASKING' ? this.state.exchange.xid : 0;
    const message = reply6('REPLY', xid, { addresses: null, options, ...parts });
    return this.do({ type: 'message', message });
  }

  get deadline(): number {
    return nextInformationDeadline(this.state);
  }
}

const asking = (config = {}) => new Rig(config).do({ type: 'start' });
const refreshTime = (value: number) => [{ type: 'refresh-time', value }] as const;

it('asks for DNS, the maxima and the refresh time, without an IA or a server', () => {
  const [effect] = asking().effects;
  const options = effect?.type === 'send' ? effect.message.options : [];
  expect(options.map(({ type }) => type)).toEqual(['client-id', 'elapsed-time', 'option-request']);
  expect(optionOf(options, 'option-request')?.codes).toEqual([23, 24, 82, 83, 32]);
});

it('is delayed by up to 1 s, but not for a starting container', () => {
  const slow = asking({ retransmit: 'rfc9915' });
  expect(slow.effects).toEqual([]);
  expect(slow.deadline).toBeLessThanOrEqual(1_000);
  expect(slow.tick().effects).toMatchObject([{ type: 'send' }]);
});

it('reads the REPLY of dnsmasq, and asks again when its hour is over', () => {
  const { message } = decodeFrame(readFixture('reply-information-dnsmasq'), {
    checksumReady: true,
  });
  const client = asking({ duid: duidOfMac(mac('02:00:00:00:05:01')) });
  const xid = client.state.name === 'ASKING' ? client.state.exchange.xid : 0;
  client.do({ type: 'message', message: { ...message, xid } });
  expect(client.effects).toMatchObject([
    {
      type: 'informed',
      information: { dnsServers: ['2001:db8:500::1'], domainSearch: ['lab.example'] },
    },
  ]);
  expect(client.deadline).toBe(3_600_000);
  expect(client.tick().state.name).toBe('ASKING');
  expect(client.deadline - client.now).toBeLessThanOrEqual(1_000);
  expect(client.tick().effects).toMatchObject([{ type: 'send' }]);
});

describe('the refresh time (§21.23)', () => {
  it.each([
    ['a day, if none is told', [], 86_400],
    ['at least 600 s', refreshTime(599), 600],
    ['0 too', refreshTime(0), 600],
    ['as told', refreshTime(601), 601],
    ['never', refreshTime(0xffffffff), Infinity],
  ] as const)('is %s', (_what, options, seconds) => {
    expect(asking().reply(options).deadline).toBe(seconds * 1_000);
  });
});

it('heeds INF_MAX_RT, also in a refusal (§21.25)', () => {
  const client = asking().reply([{ type: 'inf-max-rt', value: 60 }], { status: 1 });
  expect(client.effects).toMatchObject([{ type: 'refused', by: SERVER_DUID, status: 1 }]);
  for (let count = 0; count < 20; count += 1) client.tick();
  expect(client.deadline - client.now).toBeLessThanOrEqual(66_000);
  expect(client.deadline - client.now).toBeGreaterThanOrEqual(54_000);
});

it('ignores what does not answer it', () => {
  expect(asking().reply([], { clientId: SERVER_DUID }).effects).toMatchObject([
    { type: 'ignored', reason: 'client-id-mismatch' },
  ]);
  expect(asking().reply().reply().effects).toMatchObject([{ type: 'ignored' }]);
  expect(asking().reply().effects).toMatchObject([{ information: { dnsServers: [DNS6] } }]);
});

it('asks again when the link comes back, and not after it was stopped', () => {
  const client = asking().reply();
  expect(client.do({ type: 'link', up: false }).state.name).toBe('INFORMED');
  expect(client.do({ type: 'link', up: true }).state.name).toBe('ASKING');
  expect(client.do({ type: 'stop' }).deadline).toBe(Infinity);
  expect(client.do({ type: 'link', up: true }).state.name).toBe('IDLE');
});
