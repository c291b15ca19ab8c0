// A lease in use: renewed, refused, taken back, ended; declined and released (RFC 9915 §18.2).
import { describe, expect, it } from 'vitest';
import { ip6 } from '../../support/frames/messages.ts';
import {
  ADDRESS6,
  lease6,
  OTHER_DUID,
  SERVER_DUID,
  type AddressParts,
} from '../../support/frames/messages6.ts';
import { ClientRig6 } from './client-rig.ts';

const OTHER6 = '2001:db8::99';
const rig = (config = {}, dice = 1) => new ClientRig6(config, dice);
const TWO: readonly AddressParts[] = [[ADDRESS6], [OTHER6, 300, 600]];
const T1 = 900_000;
const T2 = 1_440_000;

describe('RENEW (§18.2.4)', () => {
  const renewing = () => rig().bound().tick();

  it('goes out at T1, with all addresses, to the server of the lease, which is named', () => {
    const client = renewing();
    expect([client.now, client.summary]).toEqual([T1, ['RENEW']]);
    expect(client.named).toEqual([ADDRESS6]);
    expect(client.option('server-id')?.duid).toBe(SERVER_DUID);
    expect(client.option('option-request')?.codes).toEqual([23, 24, 82, 83]);
    expect(client.option('elapsed-time')?.value).toBe(0);
  });

  it('is sent again until T2, and the silence is told once', () => {
    const client = renewing();
    const told: string[] = [];
    while (client.name === 'RENEWING') told.push(...client.tick().summary);
    expect(client.now).toBe(T2);
    expect(told.filter((word) => word === 'unanswered since T1')).toHaveLength(1);
    expect(told.slice(-2)).toEqual(['unanswered since T2', 'REBIND']);
    expect(told.filter((word) => word === 'RENEW').length).toBeGreaterThan(3);
    expect(told.filter((word) => word === 'RENEW').length).toBeLessThan(8);
  });

  it('gives new times', () => {
    const client = renewing();
    client.now += 10;
    expect(client.reply().summary).toEqual(['lease renewed']);
    expect(client.deadline).toBe(2 * T1);
  });

  it('ignores another server', () => {
    expect(renewing().reply({ serverId: OTHER_DUID }).summary).toEqual(['ignored server-mismatch']);
  });

  it('NoBinding: REQUEST with the same addresses, while they stay in use (§18.2.10.1)', () => {
    const client = renewing().reply({ iaStatus: 3, addresses: [] });
    expect(client.summary).toEqual(['refused with 3: status 3', 'REQUEST']);
    expect([client.named, client.using]).toEqual([[ADDRESS6], [ADDRESS6]]);
    expect(client.reply().summary).toEqual(['lease renewed']);
  });

  it('NoBinding, then another address: the container changes to it', () => {
    const client = renewing().reply({ iaStatus: 3, addresses: [] });
    expect(client.reply({ addresses: [[OTHER6]] }).summary).toEqual(['lease changed']);
    expect(client.using).toEqual([OTHER6]);
  });

  it('NoBinding, then a refusal: the addresses are lost', () => {
    const client = renewing().reply({ iaStatus: 3, addresses: [] }).reply({ status: 4 });
    expect(client.summary).toEqual(['refused with 4: status 4', 'lease lost refused']);
    expect(client.deadline).toBe(T1 + 1_000);
  });

  it('NoBinding, then silence: other servers are asked, and the addresses end in time', () => {
    const client = renewing().reply({ iaStatus: 3, addresses: [] }).untilNot('REQUESTING');
    expect(client.name).toBe('REBINDING');
    client.untilNot('REBINDING');
    expect([client.now, client.summary]).toEqual([3_600_000, ['lease lost expired']]);
  });

  it.each([1, 2, 4])('status %i: the same message is sent again by the timer', (status) => {
    const client = renewing();
    const { deadline, xid } = client;
    client.reply({ status });
    expect(client.summary).toEqual([`refused with ${status}: status ${status}`]);
    expect([client.name, client.deadline, client.xid]).toEqual(['RENEWING', deadline, xid]);
  });

  it('keeps what the REPLY does not name, adds what is new, gives up what has lifetime 0', () => {
    const client = rig()
      .bound({ addresses: [[ADDRESS6], [OTHER6]] })
      .tick();
    client.reply({ addresses: [['2001:db8::7'], [OTHER6, 0, 0]] });
    expect(client.summary).toEqual(['lease changed']);
    expect(client.using).toEqual(['2001:db8::7', ADDRESS6]);
    expect(client.tick().named).toEqual(['2001:db8::7', ADDRESS6]);
  });

  it('checks a new address while it is in use', () => {
    const client = rig({ dad: true }).start().advertise().reply();
    client.do({ type: 'checked', address: ip6(ADDRESS6), inUse: false }).tick();
    client.reply({ addresses: [[OTHER6], [ADDRESS6, 0, 0]] });
    expect(client.summary).toEqual([`check ${OTHER6}`, 'lease changed']);
  });

  it('lifetime 0 for all: the addresses are lost, and SOLICIT follows', () => {
    const client = renewing().reply({ addresses: [[ADDRESS6, 0, 0]] });
    expect(client.summary).toEqual(['lease lost withdrawn']);
    expect(client.tick().summary).toEqual(['SOLICIT']);
  });

  it('lifetime 0 for one of two: only that one goes', () => {
    const client = rig()
      .bound({ addresses: [[ADDRESS6], [OTHER6]] })
      .tick();
    expect(client.reply({ addresses: [[OTHER6, 0, 0]] }).summary).toEqual(['lease changed']);
    expect([client.name, client.using]).toEqual(['RENEWING', [ADDRESS6]]);
  });

  it('lifetime 0 for an address that is not ours changes nothing', () => {
    expect(renewing().reply({ addresses: [[OTHER6, 0, 0]] }).summary).toEqual([]);
  });

  it('keeps a lease that has become short, but sends at most once a second', () => {
    const client = renewing().reply({ addresses: [[ADDRESS6, 3, 3]], t1: 0, t2: 0 });
    expect(client.summary).toEqual(['lease renewed']);
    expect(client.deadline - client.now).toBe(1_500);
    client.tick();
    expect(client.deadline - client.now).toBeGreaterThanOrEqual(450);
  });
});

describe('REBIND (§18.2.5)', () => {
  const rebinding = () => rig().bound().tick().untilNot('RENEWING');

  it('names no server, and any server may answer', () => {
    const client = rebinding();
    expect(client.option('server-id')).toBeUndefined();
    expect(client.named).toEqual([ADDRESS6]);
    expect(client.reply({ serverId: OTHER_DUID }).summary).toEqual(['lease renewed']);
    expect(client.tick().option('server-id')?.duid).toBe(OTHER_DUID);
  });

  it('is sent until the address ends', () => {
    const client = rebinding().untilNot('REBINDING');
    expect([client.now, client.summary]).toEqual([3_600_000, ['lease lost expired']]);
    // The next SOLICIT suggests the address.
    expect(client.tick().named).toEqual([ADDRESS6]);
  });

  it('a stranger that does not know the lease is asked only when no other server extends it', () => {
    const client = rebinding().reply({ iaStatus: 3, addresses: [], serverId: OTHER_DUID });
    expect(client.name).toBe('REBINDING');
    const heard = rebinding().reply({ iaStatus: 3, addresses: [], serverId: OTHER_DUID });
    expect(heard.reply().summary).toEqual(['lease renewed']);
    expect(client.tick().summary).toEqual(['REQUEST']);
    expect(client.option('server-id')?.duid).toBe(OTHER_DUID);
  });

  it('the REBIND answer of Kea: the lease is another, and the old address is taken back', () => {
    const client = rebinding().reply({ addresses: [[OTHER6], [ADDRESS6, 0, 0]] });
    expect(client.summary).toEqual(['lease changed']);
    expect(client.using).toEqual([OTHER6]);
  });
});

describe('several addresses', () => {
  it('each ends in its own time, and the others stay', () => {
    const client = rig()
      .start()
      .advertise()
      .reply({ addresses: TWO, t1: 0xffffffff, t2: 0xffffffff });
    expect(client.deadline).toBe(600_000);
    client.at(599_999);
    expect(client.using).toEqual([ADDRESS6, OTHER6]);
    expect(client.at(600_000).summary).toEqual(['lease changed']);
    expect(client.using).toEqual([ADDRESS6]);
    expect(client.at(3_600_000).summary).toEqual(['lease lost expired']);
  });

  it('a late tick cannot revive an address: it ends before the REPLY is read', () => {
    const client = rig().bound().tick();
    client.now = 3_600_000;
    client.reply();
    expect(client.summary).toEqual(['lease lost expired', 'ignored unexpected-in-state']);
  });
});

describe('a conflict (§18.2.8)', () => {
  const found = (client: ClientRig6, inUse: boolean, address = ADDRESS6) =>
    client.do({ type: 'checked', address: ip6(address), inUse });
  const checking = (addresses: readonly AddressParts[] = [[ADDRESS6]]) =>
    rig({ dad: true, rapidCommit: true }).start().advertise().reply({ addresses });

  it('addresses are used once all are proven', () => {
    const client = checking([[ADDRESS6], [OTHER6]]);
    expect(client.summary).toEqual([`check ${ADDRESS6}`, `check ${OTHER6}`]);
    expect(found(client, false).summary).toEqual([]);
    expect(found(client, false, OTHER6).summary).toEqual(['lease acquired']);
    expect(checking().tick().summary).toEqual(['lease acquired']);
  });

  it('DECLINE names the address and its server; after the REPLY another is asked for', () => {
    const client = found(checking(), true);
    expect(client.summary).toEqual(['DECLINE']);
    expect(client.named).toEqual([ADDRESS6]);
    expect(client.option('server-id')?.duid).toBe(SERVER_DUID);
    expect(client.option('option-request')).toBeUndefined();
    expect(client.reply({ addresses: null }).name).toBe('INIT');
    expect(client.tick().summary).toEqual(['SOLICIT']);
    expect(client.named).toEqual([]);
    expect(client.option('rapid-commit')).toBeUndefined();
    // A server that offers it again at once is ignored; for 20 s.
    expect(client.advertise().summary).toEqual(['ignored address-declined']);
    expect(client.advertise({ addresses: [[ADDRESS6], [OTHER6]] }).named).toEqual([OTHER6]);
  });

  it('an address that was declined long ago is taken and checked again', () => {
    const client = found(checking(), true).reply({ addresses: null }).tick();
    client.after(20_000);
    expect(client.advertise().summary).toEqual(['REQUEST']);
  });

  it('is sent four times', () => {
    const client = found(checking(), true);
    for (let sends = 1; sends < 4; sends += 1) expect(client.tick().summary).toEqual(['DECLINE']);
    expect(client.tick().name).toBe('INIT');
    expect(client.now).toBeGreaterThan(13_000);
    expect(client.now).toBeLessThan(17_000);
  });

  it('in use: the container stops using the address first', () => {
    const client = found(rig().bound(), true);
    expect(client.summary).toEqual(['lease lost declined', 'DECLINE']);
  });

  it('of one of two addresses: the other stays in use, and is renewed', () => {
    const client = found(rig().bound({ addresses: [[ADDRESS6], [OTHER6]] }), true);
    expect(client.summary).toEqual(['lease changed', 'DECLINE']);
    expect(client.using).toEqual([OTHER6]);
    expect(client.reply({ addresses: null, status: 1 }).name).toBe('BOUND');
    expect(client.tick().named).toEqual([OTHER6]);
  });

  it('of both, one after the other', () => {
    const client = found(rig().bound({ addresses: [[ADDRESS6], [OTHER6]] }), true);
    expect(found(client, true, OTHER6).summary).toEqual(['lease lost declined', 'DECLINE']);
    expect(client.named).toEqual([ADDRESS6, OTHER6]);
  });

  it('may be withheld: then the address is not told, and asked for again after 10 s', () => {
    const client = checking();
    client.mayDecline = false;
    expect(found(client, true).summary).toEqual([`withheld ${ADDRESS6}`]);
    expect(client.deadline - client.now).toBe(10_000);
    expect(client.tick().advertise().summary).toEqual(['REQUEST']);
  });

  it('of an address that is not ours changes nothing', () => {
    expect(found(rig().bound(), true, OTHER6).summary).toEqual([]);
  });

  it('again and again: at most one try a minute', () => {
    const client = checking();
    let gap = 0;
    for (let count = 1; count <= 12; count += 1) {
      found(client, true, `2001:db8::${49 + count}`).reply({ addresses: null });
      gap = client.deadline - client.now;
      client.tick().advertise({ addresses: [[`2001:db8::${50 + count}`]] });
      client.reply({ addresses: [[`2001:db8::${50 + count}`]] });
    }
    expect(gap).toBe(60_000);
  });
});

describe('RELEASE (§18.2.7)', () => {
  it('stops the use first, names all addresses and the server, ends with the REPLY', () => {
    const client = rig().bound({ addresses: TWO }).do({ type: 'release' });
    expect(client.summary).toEqual(['lease lost released', 'RELEASE']);
    expect(client.named).toEqual([ADDRESS6, OTHER6]);
    expect(client.option('server-id')?.duid).toBe(SERVER_DUID);
    expect(client.reply({ addresses: null, serverId: OTHER_DUID }).name).toBe('RELEASING');
    expect(client.reply({ addresses: null, status: 3 }).name).toBe('STOPPED');
    expect(client.deadline).toBe(Infinity);
  });

  it('ends after four messages without an answer', () => {
    const client = rig().bound().do({ type: 'release' });
    for (let sends = 1; sends < 4; sends += 1) expect(client.tick().summary).toEqual(['RELEASE']);
    expect(client.tick().name).toBe('STOPPED');
  });

  it.each([
    ['INIT', (client: ClientRig6) => client, 'STOPPED'],
    ['SOLICITING', (client: ClientRig6) => client.start(), 'STOPPED'],
    ['REQUESTING', (client: ClientRig6) => client.start().advertise(), 'STOPPED'],
    ['RENEWING', (client: ClientRig6) => client.bound().tick(), 'RELEASING'],
  ] as const)('in %s', (name, bring, next) => {
    const client = bring(rig());
    expect(client.name).toBe(name);
    expect(client.do({ type: 'release' }).name).toBe(next);
  });
});

describe('CONFIRM (§18.2.3, §18.2.12)', () => {
  const previous = lease6();
  const returning = (config = {}) => {
    const client = rig(config);
    client.now = 60_000;
    return client.do({ type: 'start', previous });
  };

  it('names the addresses and no server', () => {
    const client = returning();
    expect(client.summary).toEqual(['CONFIRM']);
    expect(client.named).toEqual([ADDRESS6]);
    expect(client.option('server-id')).toBeUndefined();
    expect(client.option('option-request')).toBeUndefined();
  });

  it('success of any server: the lease is used, and renewed soon', () => {
    const client = returning().reply({ addresses: null, serverId: OTHER_DUID });
    expect(client.summary).toEqual(['lease acquired']);
    expect(client.deadline - client.now).toBeLessThanOrEqual(10_000);
    expect(client.tick().summary).toEqual(['RENEW']);
  });

  it('success: the address is checked before it is used, if that is configured', () => {
    const client = returning({ dad: true }).reply({ addresses: null });
    expect(client.summary).toEqual([`check ${ADDRESS6}`]);
  });

  it('NotOnLink of its server: the lease is forgotten, and SOLICIT follows', () => {
    const client = returning().reply({ addresses: null, status: 4 });
    expect(client.summary).toEqual(['refused with 4: status 4']);
    expect(client.tick().summary).toEqual(['SOLICIT']);
    expect(client.named).toEqual([]);
  });

  it('NotOnLink of another server counts only if none says Success', () => {
    const one = returning().reply({ addresses: null, status: 4, serverId: OTHER_DUID });
    expect(one.name).toBe('CONFIRMING');
    expect(one.reply({ addresses: null }).summary).toEqual(['lease acquired']);
    const two = returning().reply({ addresses: null, status: 4, serverId: OTHER_DUID });
    expect(two.untilNot('CONFIRMING').name).toBe('INIT');
  });

  it.each([
    ['container-start', 3_000],
    ['rfc9915', 10_000],
  ] as const)('silence: the lease is used (%s: after %i ms)', (retransmit, patience) => {
    const client = returning({ retransmit });
    if (retransmit === 'rfc9915') client.tick();
    const from = client.now;
    client.untilNot('CONFIRMING');
    expect(client.summary).toEqual(['lease acquired']);
    expect(client.now - from).toBe(patience);
  });

  it('silence is not waited for longer than the caller says', () => {
    const client = rig().do({ type: 'start', previous, patience: 500 });
    expect(client.tick().summary).toEqual(['lease acquired']);
    expect(client.now).toBe(500);
  });

  it('a lease that has ended is only a wish', () => {
    const client = rig();
    client.now = 3_600_000;
    client.do({ type: 'start', previous });
    expect([client.summary, client.named]).toEqual([['SOLICIT'], [ADDRESS6]]);
  });

  it('after the carrier came back the addresses stay in use until a server says NotOnLink', () => {
    const client = rig().bound();
    expect(client.do({ type: 'link', up: false }).summary).toEqual([]);
    expect(client.do({ type: 'link', up: true }).summary).toEqual([]);
    expect(client.deadline - client.now).toBeLessThanOrEqual(1_000);
    expect(client.tick().summary).toEqual(['CONFIRM']);
    expect(client.reply({ addresses: null, status: 4 }).summary).toEqual([
      'refused with 4: status 4',
      'lease lost refused',
    ]);
  });

  it('after the carrier came back, silence changes nothing, and RENEW follows', () => {
    const client = rig().bound().do({ type: 'link', up: true }).tick().untilNot('CONFIRMING');
    expect([client.name, client.summary]).toEqual(['BOUND', []]);
    expect(client.tick().summary).toEqual(['RENEW']);
  });

  it('the carrier ends the long wait of SOLICIT', () => {
    const client = rig().start();
    for (let count = 0; count < 12; count += 1) client.tick();
    client.do({ type: 'link', up: true });
    expect(client.deadline - client.now).toBeLessThanOrEqual(1_000);
  });
});

describe('after a restart of the plugin', () => {
  const resumed = (now: number, dice = 1) => {
    const client = rig({}, dice);
    client.now = now;
    return client.do({ type: 'resume', lease: lease6() });
  };

  it('the lease is renewed when it is due', () => {
    const client = resumed(60_000);
    expect([client.summary, client.deadline]).toEqual([[], T1]);
    expect(client.tick().summary).toEqual(['RENEW']);
  });

  it('a lease past T1 is renewed within 10 s, spread', () => {
    const delays = [1, 2, 3, 4, 5, 6].map((dice) => resumed(T1, dice).deadline - T1);
    expect(new Set(delays).size).toBeGreaterThan(3);
    expect(Math.max(...delays)).toBeLessThanOrEqual(10_000);
  });

  it('a lease past T2 is rebound at once, and one that has ended is told', () => {
    expect(resumed(T2).summary).toEqual(['unanswered since T2', 'REBIND']);
    expect(resumed(3_600_000).summary).toEqual(['lease lost expired']);
  });
});
