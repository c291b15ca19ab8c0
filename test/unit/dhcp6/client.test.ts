// The machine, rule by rule (RFC 9915 §18.2).
import { describe, expect, it } from 'vitest';
import { CODE } from '../../../plugin/dhcp6/options.ts';
import { ip6 } from '../../support/frames/messages.ts';
import {
  ADDRESS6,
  CLIENT_DUID,
  lease6,
  OTHER_DUID,
  SERVER_DUID,
} from '../../support/frames/messages6.ts';
import { ClientRig6 } from './client-rig.ts';

const OTHER6 = '2001:db8::99';
const rig = (config = {}, dice = 1) => new ClientRig6(config, dice);
const preference = (value: number) => ({ options: [{ type: 'preference', value }] }) as const;

describe('SOLICIT', () => {
  it('goes out at once for a starting container, within 1 s otherwise (§18.2.1)', () => {
    const fast = rig().start();
    expect(fast.summary).toEqual(['SOLICIT']);
    for (let dice = 1; dice < 30; dice += 1) {
      const slow = rig({ retransmit: 'rfc9915' }, dice).start();
      expect(slow.summary).toEqual([]);
      expect(slow.deadline).toBeGreaterThan(0);
      expect(slow.deadline).toBeLessThanOrEqual(1_000);
      expect(slow.tick().summary).toEqual(['SOLICIT']);
    }
  });

  it('says who asks, and asks for DNS and both maxima', () => {
    const client = rig({ wishedAddress: ip6(OTHER6) }).start();
    expect(client.option('client-id')).toEqual({ type: 'client-id', duid: CLIENT_DUID });
    expect(client.option('server-id')).toBeUndefined();
    expect(client.option('ia-na')).toMatchObject({ iaid: 0x000000c1, t1: 0, t2: 0 });
    expect(client.named).toEqual([OTHER6]);
    expect(client.option('option-request')?.codes).toEqual([23, 24, 82, 83]);
    expect(client.option('elapsed-time')?.value).toBe(0);
    expect(client.option('fqdn')).toMatchObject({ flags: 1, name: 'web-1', isPartial: true });
    expect(client.option('rapid-commit')).toBeUndefined();
    expect(client.sent.xid).toBeLessThan(2 ** 24);
  });

  it('is sent again with the same xid and the time since the first, in hundredths', () => {
    const client = rig().start();
    const { xid } = client;
    const at = client.deadline;
    client.tick();
    expect([client.sent.xid, client.option('elapsed-time')?.value]).toEqual([
      xid,
      Math.floor(at / 10),
    ]);
    for (let count = 0; count < 30; count += 1) client.tick();
    expect(client.option('elapsed-time')?.value).toBe(0xffff);
    expect(client.xid).toBe(xid);
  });

  it('takes the first offer at a container start, without waiting', () => {
    const client = rig().start().advertise();
    expect(client.summary).toEqual(['REQUEST']);
    expect(client.option('server-id')).toEqual({ type: 'server-id', duid: SERVER_DUID });
    expect(client.named).toEqual([ADDRESS6]);
  });

  it('otherwise compares offers for the first time-out: preference, then the wish, then the order', () => {
    const client = rig({ retransmit: 'rfc9915', wishedAddress: ip6(OTHER6) })
      .start()
      .tick();
    client.advertise({ ...preference(3), addresses: [['2001:db8::1']] });
    expect(client.name).toBe('SOLICITING');
    client.advertise({ ...preference(4), addresses: [['2001:db8::2']] });
    client.advertise({ ...preference(4), addresses: [[OTHER6]], serverId: OTHER_DUID });
    client.advertise({ ...preference(4), addresses: [['2001:db8::4']] });
    client.tick();
    expect(client.summary).toEqual(['REQUEST']);
    expect(client.named).toEqual([OTHER6]);
    expect(client.option('server-id')?.duid).toBe(OTHER_DUID);
  });

  it('takes preference 255 at once, and after the first time-out any offer', () => {
    const config = { retransmit: 'rfc9915' } as const;
    expect(rig(config).start().tick().advertise(preference(255)).name).toBe('REQUESTING');
    expect(rig(config).start().tick().tick().advertise().name).toBe('REQUESTING');
  });

  it('compares among several servers that are allowed, and ignores the others', () => {
    const two = rig({ allowedServers: [SERVER_DUID, OTHER_DUID] }).start();
    expect(two.advertise().name).toBe('SOLICITING');
    expect(two.advertise({ ...preference(1), serverId: OTHER_DUID }).tick().name).toBe(
      'REQUESTING',
    );
    expect(two.option('server-id')?.duid).toBe(OTHER_DUID);
    const one = rig({ allowedServers: [OTHER_DUID] }).start();
    expect(one.advertise().summary).toEqual(['ignored server-not-allowed']);
    expect(one.advertise({ serverId: OTHER_DUID }).summary).toEqual(['REQUEST']);
  });

  it('chooses one of several addresses, the wished one if it is there', () => {
    const addresses = [['2001:db8::1'], ['2001:db8::2'], ['2001:db8::3']] as const;
    expect(rig().start().advertise({ addresses }).named).toEqual(['2001:db8::1']);
    const wishing = rig({ wishedAddress: ip6('2001:db8::3') });
    expect(wishing.start().advertise({ addresses }).named).toEqual(['2001:db8::3']);
  });

  it.each([
    ['no client id', { clientId: null }, 'client-id-mismatch'],
    ["another's client id", { clientId: OTHER_DUID }, 'client-id-mismatch'],
    ['no server id', { serverId: null }, 'no-server-id'],
    ['no IA', { addresses: null }, 'no-ia'],
    ["another's IA", { iaid: 7 }, 'no-ia'],
    ['no address', { addresses: [] }, 'no-addresses'],
    ['T1 after T2', { t1: 10, t2: 9 }, 'times-out-of-order'],
    ['preferred longer than valid', { addresses: [[ADDRESS6, 61, 60]] }, 'no-usable-address'],
    ['too short a lifetime', { addresses: [[ADDRESS6, 4, 4]] }, 'no-usable-address'],
    ['a link-local address', { addresses: [['fe80::5']] }, 'no-usable-address'],
    ['a multicast address', { addresses: [['ff02::5']] }, 'no-usable-address'],
    ['no address at all', { addresses: [['::']] }, 'no-usable-address'],
  ] as const)('ignores an ADVERTISE with %s', (_what, parts, reason) => {
    const client = rig().start().advertise(parts);
    expect(client.summary).toEqual([`ignored ${reason}`]);
    expect(client.name).toBe('SOLICITING');
  });

  it.each([
    ['in the message', { status: 2 }],
    ['in the message, without an IA', { status: 2, addresses: null }],
    ['in the IA', { iaStatus: 2, addresses: [] }],
  ] as const)('tells once that a server has no address: NoAddrsAvail %s', (_what, parts) => {
    const client = rig().start().advertise(parts);
    expect(client.summary).toEqual(['refused with 2: status 2']);
    expect(client.name).toBe('SOLICITING');
    expect(client.tick().advertise(parts).summary).toEqual(['ignored no-addresses']);
    expect(client.advertise().summary).toEqual(['REQUEST']);
  });

  it('ignores another xid, and what servers do not send', () => {
    const client = rig().start();
    const wrong = (client.xid + 1) % 2 ** 24;
    const options = [{ type: 'client-id', duid: CLIENT_DUID }] as const;
    client.receive({ type: 'ADVERTISE', xid: wrong, options });
    expect(client.summary).toEqual(['ignored xid-mismatch']);
    for (const type of ['RECONFIGURE', 'SOLICIT'] as const) {
      expect(client.receive({ type, xid: client.xid, options }).summary).toEqual([
        'ignored not-a-reply',
      ]);
    }
  });

  it('heeds SOL_MAX_RT between 60 and 86400 s, also without addresses (§18.2.9, §21.24)', () => {
    const longest = (value: number): number => {
      const client = rig().start();
      client.advertise({ status: 2, options: [{ type: 'sol-max-rt', value }] });
      for (let count = 0; count < 30; count += 1) client.tick();
      return (client.deadline - client.now) / 1_000;
    };
    expect(longest(60)).toBeGreaterThan(53);
    expect(longest(60)).toBeLessThan(67);
    for (const refused of [59, 86_401, 0]) expect(longest(refused)).toBeGreaterThan(3_200);
  });
});

describe('rapid commit (§18.2.1, §21.14)', () => {
  const option = { options: [{ type: 'rapid-commit' }] } as const;

  it('is asked for, and a REPLY with the option is a lease', () => {
    const client = rig({ rapidCommit: true }).start();
    expect(client.option('rapid-commit')).toEqual({ type: 'rapid-commit' });
    expect(client.reply(option).summary).toEqual(['lease acquired']);
  });

  it('counts only if it was asked for and the REPLY has the option', () => {
    expect(rig({ rapidCommit: true }).start().reply().summary).toEqual(['ignored no-rapid-commit']);
    expect(rig().start().reply(option).summary).toEqual(['ignored no-rapid-commit']);
  });

  it('may be answered by an ADVERTISE all the same', () => {
    expect(rig({ rapidCommit: true }).start().advertise().summary).toEqual(['REQUEST']);
  });
});

describe('REQUEST (§18.2.2)', () => {
  const requesting = () => rig().start().advertise();

  it('is sent ten times, then SOLICIT begins anew', () => {
    const client = requesting();
    for (let sends = 1; sends < 10; sends += 1) expect(client.tick().summary).toEqual(['REQUEST']);
    expect(client.tick().name).toBe('INIT');
    expect(client.tick().summary).toEqual(['SOLICIT']);
  });

  it('gives a lease with lifetimes that count from the sending', () => {
    const client = requesting();
    client.now += 40;
    expect(client.reply().summary).toEqual(['lease acquired']);
    expect(client.state).toMatchObject({ name: 'BOUND', lease: lease6() });
    expect(client.deadline).toBe(900_000);
  });

  it('counts from the oldest message that the REPLY may answer', () => {
    const client = requesting().tick();
    client.now += 100;
    expect(client.reply().state).toMatchObject({ lease: { requestedAt: 0 } });
    const late = requesting().tick().tick().tick().tick().tick().tick();
    late.reply();
    const lease = 'lease' in late.state ? late.state.lease : undefined;
    expect(lease?.requestedAt).toBeGreaterThan(0);
    expect(late.now - (lease?.requestedAt ?? 0)).toBeLessThanOrEqual(31_000);
  });

  it('ignores another server', () => {
    expect(requesting().reply({ serverId: OTHER_DUID }).summary).toEqual([
      'ignored server-mismatch',
    ]);
  });

  it.each([
    ['UnspecFail', 1, 'REQUESTING'],
    ['NoAddrsAvail', 2, 'INIT'],
    ['NoBinding', 3, 'INIT'],
    ['NotOnLink', 4, 'INIT'],
    ['a code of another RFC', 9, 'INIT'],
  ] as const)('%s in message, IA or address', (_what, status, name) => {
    for (const parts of [
      { status },
      { iaStatus: status, addresses: [] },
      { addresses: [[ADDRESS6, 0, 100, status]] as const },
    ]) {
      const client = requesting().reply(parts);
      expect(client.summary).toEqual([`refused with ${status}: status ${status}`]);
      expect(client.name).toBe(name);
    }
  });

  it('status 0 is success', () => {
    expect(requesting().reply({ status: 0, iaStatus: 0 }).summary).toEqual(['lease acquired']);
  });

  it('waits longer after each refusal, at most a minute', () => {
    const client = rig().start();
    const delays: number[] = [];
    for (let count = 0; count < 12; count += 1) {
      client.advertise().reply({ status: 2 });
      delays.push(client.deadline - client.now);
      client.tick();
    }
    expect(delays.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(delays.at(-1)).toBe(60_000);
  });

  it('keeps all usable addresses of the REPLY', () => {
    const addresses = [[ADDRESS6], ['fe80::1'], [OTHER6, 0, 600], ['2001:db8::9', 0, 0]] as const;
    const client = requesting().reply({ addresses, t1: 100, t2: 200 });
    expect(client.using).toEqual([ADDRESS6, OTHER6]);
  });
});

describe('T1 and T2 (§14.2, §21.4)', () => {
  it.each([
    ['as told', { t1: 100, t2: 200 }, 100, 200],
    ['0 and 0: 0.5 and 0.8 of the shortest preferred', { t1: 0, t2: 0 }, 900, 1440],
    ['T1 0', { t1: 0, t2: 300 }, 300, 300],
    ['T2 0', { t1: 1700, t2: 0 }, 1700, 1700],
    ['T1 after the end', { t1: 3600, t2: 3600 }, 900, 3600],
    ['never', { t1: 0xffffffff, t2: 0xffffffff }, Infinity, Infinity],
    [
      'of two addresses',
      { t1: 0, t2: 0, addresses: [['::5', 50, 90], [ADDRESS6]] as const },
      25,
      40,
    ],
    ['of a deprecated address', { t1: 0, t2: 0, addresses: [[ADDRESS6, 0, 100]] as const }, 50, 80],
  ] as const)('%s', (_what, parts, t1, t2) => {
    const client = rig().start().advertise().reply(parts);
    expect(client.state).toMatchObject({ lease: { t1At: t1 * 1_000, t2At: t2 * 1_000 } });
  });

  it('an infinite lease is never renewed and never ends', () => {
    const client = rig().bound({ addresses: [[ADDRESS6, 0xffffffff, 0xffffffff]], t1: 0, t2: 0 });
    expect(client.deadline).toBe(Infinity);
  });
});

it('asks for no option that would bring a unicast address (option 12)', () => {
  expect(Object.values(CODE)).not.toContain(12);
});
