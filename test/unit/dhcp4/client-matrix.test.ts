// Every event in every state: the next state and the effects, or nothing.
import { describe, expect, it } from 'vitest';
import { TRANSITIONS } from '../../../plugin/dhcp4/client/client.ts';
import type { Event, StateName } from '../../../plugin/dhcp4/client/client.ts';
import { lease, SERVER } from '../../support/frames/messages.ts';
import { ClientRig } from './client-rig.ts';

const RFC_TIMING = { retransmit: 'rfc2131' } as const;
const DISCOVER = 'send DISCOVER to broadcast';
const REQUEST = 'send REQUEST to broadcast';
const RENEW = `send REQUEST to ${SERVER}`;
const RELEASE = `send RELEASE to ${SERVER}`;
const DECLINE = 'send DECLINE to broadcast';
const UNEXPECTED = 'ignored unexpected-in-state';
const XID = 'ignored xid-mismatch';

/** Brings a rig into the state by events alone. */
const ARRANGE: Record<StateName, () => ClientRig> = {
  INIT: () => new ClientRig(),
  SELECTING: () => new ClientRig().do({ type: 'start' }),
  REQUESTING: () => ARRANGE.SELECTING().offer(),
  CHECKING: () => new ClientRig({ acd: true }).bound(),
  BOUND: () => new ClientRig().bound(),
  RENEWING: () => ARRANGE.BOUND().tick(),
  REBINDING: () => until(ARRANGE.RENEWING(), 'REBINDING'),
  'INIT-REBOOT': () => new ClientRig(RFC_TIMING).do({ type: 'start', previous: lease() }),
  REBOOTING: () => ARRANGE['INIT-REBOOT']().tick(),
  STOPPED: () => new ClientRig().do({ type: 'release' }),
};

function until(rig: ClientRig, name: StateName): ClientRig {
  while (rig.name !== name) rig.tick();
  return rig;
}

/** Makes the event happen. Replies carry the xid of the running exchange, or 0. */
const EVENTS = {
  start: (rig: ClientRig) => rig.do({ type: 'start' }),
  'start with a lease': (rig: ClientRig) => rig.do({ type: 'start', previous: lease() }),
  resume: (rig: ClientRig) => rig.do({ type: 'resume', lease: lease() }),
  'early tick': (rig: ClientRig) => rig.do({ type: 'tick' }),
  'due tick': (rig: ClientRig) => (rig.deadline === Infinity ? rig : rig.tick()),
  release: (rig: ClientRig) => rig.do({ type: 'release' }),
  'link up': (rig: ClientRig) => rig.do({ type: 'link', up: true }),
  'link down': (rig: ClientRig) => rig.do({ type: 'link', up: false }),
  OFFER: (rig: ClientRig) => rig.offer(),
  ACK: (rig: ClientRig) => rig.ack(),
  NAK: (rig: ClientRig) => rig.nak(),
  'reply with another xid': (rig: ClientRig) => rig.ack({ xid: (rig.xid ^ 1) >>> 0 }),
  'checked: free': (rig: ClientRig) => rig.do({ type: 'checked', inUse: false }),
  'checked: in use': (rig: ClientRig) => rig.do({ type: 'checked', inUse: true }),
  renew: (rig: ClientRig) => rig.do({ type: 'renew' }),
} satisfies Record<string, (rig: ClientRig) => ClientRig>;

type EventName = keyof typeof EVENTS;
type Outcome = readonly [to: StateName, ...effects: string[]];

const NAKED = `refused by ${SERVER}: undefined`;

/**
 * The outcomes that are not the usual ones. Usually events change nothing and replies are ignored.
 */
const OUTCOMES: Record<StateName, Partial<Record<EventName, Outcome>>> = {
  INIT: {
    start: ['SELECTING', DISCOVER],
    'start with a lease': ['REBOOTING', REQUEST],
    resume: ['BOUND'],
    release: ['STOPPED'],
  },
  SELECTING: {
    'due tick': ['SELECTING', DISCOVER],
    release: ['STOPPED'],
    'link up': ['INIT'],
    OFFER: ['REQUESTING', REQUEST],
    'reply with another xid': ['SELECTING', XID],
  },
  REQUESTING: {
    'due tick': ['REQUESTING', REQUEST],
    release: ['STOPPED'],
    'link up': ['INIT'],
    ACK: ['BOUND', 'lease acquired'],
    NAK: ['INIT', NAKED],
    'reply with another xid': ['REQUESTING', XID],
  },
  CHECKING: {
    'due tick': ['BOUND', 'lease acquired'],
    release: ['STOPPED', RELEASE],
    'checked: free': ['BOUND', 'lease acquired'],
    'checked: in use': ['INIT', DECLINE],
  },
  BOUND: {
    'due tick': ['RENEWING', RENEW],
    renew: ['RENEWING', RENEW],
    release: ['STOPPED', RELEASE, 'lease lost released'],
    'link up': ['INIT-REBOOT'],
    'checked: in use': ['INIT', DECLINE, 'lease lost declined'],
  },
  RENEWING: {
    'due tick': ['RENEWING', 'unanswered since T1'],
    renew: ['RENEWING', RENEW],
    release: ['STOPPED', RELEASE, 'lease lost released'],
    'link up': ['INIT-REBOOT'],
    ACK: ['BOUND', 'lease renewed'],
    NAK: ['INIT', NAKED, 'lease lost nak'],
    'reply with another xid': ['RENEWING', XID],
    'checked: in use': ['INIT', DECLINE, 'lease lost declined'],
  },
  REBINDING: {
    'due tick': ['REBINDING', REQUEST],
    renew: ['REBINDING', REQUEST],
    release: ['STOPPED', RELEASE, 'lease lost released'],
    'link up': ['INIT-REBOOT'],
    ACK: ['BOUND', 'lease renewed'],
    NAK: ['INIT', NAKED, 'lease lost nak'],
    'reply with another xid': ['REBINDING', XID],
    'checked: in use': ['INIT', DECLINE, 'lease lost declined'],
  },
  'INIT-REBOOT': {
    'due tick': ['REBOOTING', REQUEST],
    release: ['STOPPED', RELEASE],
  },
  REBOOTING: {
    'due tick': ['REBOOTING', REQUEST],
    release: ['STOPPED', RELEASE],
    'link up': ['INIT-REBOOT'],
    ACK: ['BOUND', 'lease acquired'],
    NAK: ['INIT', NAKED],
    'reply with another xid': ['REBOOTING', XID],
  },
  STOPPED: {},
};

const REPLIES: readonly string[] = ['OFFER', 'ACK', 'NAK', 'reply with another xid'];
const STATE_NAMES = Object.keys(TRANSITIONS) as StateName[];
const EVENT_NAMES = Object.keys(EVENTS) as EventName[];

describe.each(STATE_NAMES)('in %s (RFC 2131 Figure 5)', (from) => {
  it.each(EVENT_NAMES)('%s', (eventName) => {
    const rig = ARRANGE[from]();
    expect(rig.name).toBe(from);
    const before = rig.state;
    EVENTS[eventName](rig);
    const ignores = REPLIES.includes(eventName);
    const nothing: Outcome = ignores ? [from, UNEXPECTED] : [from];
    expect([rig.name, ...rig.summary]).toEqual(OUTCOMES[from][eventName] ?? nothing);
    if (OUTCOMES[from][eventName] === undefined) expect(rig.state).toEqual(before);
    if (rig.name !== from) expect(TRANSITIONS[from]).toContain(rig.name);
    expect(rig.deadline).toBeGreaterThan(rig.now);
  });
});

it('a second start or resume does not disturb a machine that waits in INIT', () => {
  const rig = new ClientRig(RFC_TIMING).do({ type: 'start' });
  const again: Event[] = [{ type: 'start' }, { type: 'resume', lease: lease() }];
  for (const event of again) {
    const { state } = rig;
    expect(rig.do(event).state).toEqual(state);
  }
});
