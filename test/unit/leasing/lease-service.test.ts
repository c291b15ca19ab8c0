import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ipv4Of, OPTION } from '../../../plugin/dhcp4/options.ts';
import { replyFrame } from '../../support/lan/memory-packet-socket.ts';
import {
  ack,
  ADDRESS,
  CLIENT_ID,
  CLIENT_MAC,
  ip,
  lease,
  mac,
  nak,
  offer,
  SERVER,
} from '../../support/frames/messages.ts';
import { refusal } from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { BRIDGE, FROM_BRIDGE, KEY, LeasingRig, LINK, script, subject } from './leasing-rig.ts';

let rig: LeasingRig;
beforeEach(() => {
  rig = new LeasingRig();
});
afterEach(() => {
  rig.service.close();
  expect({ pending: rig.clock.pending, open: rig.places, size: rig.service.size }).toEqual({
    pending: 0,
    open: [],
    size: 0,
  });
});

const wanted = (address: string) => ({
  identity: {
    mac: CLIENT_MAC,
    clientId: CLIENT_ID,
    hostName: undefined,
    requestedAddress: ip(address),
  },
});

describe('acquiring a lease', () => {
  it('takes DISCOVER, OFFER, REQUEST, ACK, and no time of its own (RFC 2131 §3.1)', async () => {
    const startedAt = rig.clock.now();
    const got = await rig.acquire();
    expect(got).toMatchObject({ address: ADDRESS, prefixLength: 24, gateway: SERVER });
    expect(got.requestedAt).toBe(startedAt);
    expect(rig.clock.now()).toBe(startedAt);
    expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'REQUEST']);
    expect(rig.places).toEqual([{ link: LINK }]);
    expect(rig.clock.pending).toBe(1); // T1
    expect(rig.changes).toEqual([]);
  });

  it('tells its identity: chaddr, client id, host name and the address asked for', async () => {
    await rig.acquire(wanted('192.0.2.50'));
    const { message } = rig.wire.sent[0]!;
    expect(message.chaddr).toBe(CLIENT_MAC);
    expect(message.options.get(OPTION.CLIENT_ID)).toEqual(CLIENT_ID);
    expect(ipv4Of(message.options, OPTION.REQUESTED_ADDRESS)).toBe('192.0.2.50');
  });

  it('sends again when a message is lost (RFC 2131 §4.1)', async () => {
    let discovers = 0;
    rig.wire.server = (sent) =>
      sent.type === 'DISCOVER' && (discovers += 1) < 3 ? [] : rig.server.answer(sent);
    const got = rig.acquire();
    await rig.clock.pass(5000);
    expect((await got).address).toBe(ADDRESS);
    expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'DISCOVER', 'DISCOVER', 'REQUEST']);
  });

  it('acquiring again under the same key replaces the client', async () => {
    await rig.acquire();
    await rig.acquire();
    expect(rig.service.size).toBe(1);
    expect(rig.places).toEqual([{ link: LINK }]);
  });
});

describe('no lease in time', () => {
  it('no server behind 802.1ad: the sentence ends with the tag that may pass', async () => {
    rig.wire.server = () => [];
    const failed = refusal(rig.acquire({ isBehind8021ad: true }));
    await rig.clock.pass(20_000);
    expect((await failed).message).toMatch(
      /carries it; if card or switch drops frames of 802\.1ad, try -o outer=802\.1q$/,
    );
  });

  it('no server: the sentence says what was sent, where, what came back, what to look at', async () => {
    rig.wire.server = () => [];
    const failed = refusal(rig.acquire());
    await rig.clock.pass(20_000);
    expect(await failed).toEqual({
      code: 'NO_OFFER',
      message:
        'no DHCP server answered on VLAN 500 of eth1 in 20 s: sent 5 DISCOVER from 02:00:00:00:00:c1, heard nothing; check that a server or relay serves this segment and that the switch port carries it',
    });
  });

  it('a timer that fires a little early, as those of Node do, does not keep the call waiting', async () => {
    rig = new LeasingRig({ earlyBy: 0.7 });
    rig.wire.server = () => [];
    const failed = refusal(rig.acquire());
    await rig.clock.pass(20_100);
    expect(rig.service.size).toBe(0);
    expect((await failed).code).toBe('NO_OFFER');
  });

  it('nothing is left: no client, no socket, no timer', async () => {
    rig.wire.server = () => [];
    const failed = refusal(rig.acquire());
    await rig.clock.pass(20_000);
    await failed;
    expect([rig.service.size, rig.places.length, rig.clock.pending]).toEqual([0, 0, 0]);
  });

  it('NAK to every request: the sentence says so and quotes the server', async () => {
    const text = Uint8Array.from(Buffer.from('wrong network'));
    rig.wire.server = script({
      DISCOVER: ({ message }) => [offer({ xid: message.xid })],
      REQUEST: ({ message }) => [nak({ xid: message.xid, options: [[OPTION.MESSAGE, text]] })],
    });
    const failed = refusal(rig.acquire({}, { waitMs: 1000 }));
    await rig.clock.pass(1000);
    const { code, message } = await failed;
    expect(code).toBe('NAK');
    expect(message).toMatch(
      /^the DHCP server refused every request \(NAK\) on VLAN 500 of eth1 in 1 s: sent (\d) DISCOVER and \1 REQUEST from 02:00:00:00:00:c1, heard \1 OFFER from 192\.0\.2\.1 \(192\.0\.2\.50\), \1 NAK from 192\.0\.2\.1, the server says "wrong network"; look at the server's log for this MAC$/,
    );
    expect(rig.log.messages('warn')).toContain('dhcp server refused (NAK)');
  });

  it('OFFER, then silence: the sentence names the server', async () => {
    rig.wire.server = script({ DISCOVER: ({ message }) => [offer({ xid: message.xid })] });
    const failed = refusal(rig.acquire({}, { waitMs: 3000 }));
    await rig.clock.pass(3000);
    expect(await failed).toMatchObject({
      code: 'NO_ACK',
      message: expect.stringContaining(
        'a DHCP server offered an address but no lease followed on VLAN 500 of eth1 in 3 s',
      ) as string,
    });
  });

  it('no OFFER although a lease of the segment is alive: the pool is exhausted, not the server absent', async () => {
    await rig.acquire();
    rig.wire.server = () => [];
    await rig.clock.pass(3_000);
    const failed = refusal(rig.acquire({ key: 'other' }, { waitMs: 2_000 }));
    const elsewhere = refusal(rig.acquire({ key: 'far', segment: 'eth2' }, { waitMs: 2_000 }));
    await rig.clock.pass(2_000);
    expect(await failed).toMatchObject({
      code: 'NO_OFFER',
      message: expect.stringMatching(
        /^no DHCP server offered an address on VLAN 500 of eth1 in 2 s: .*; 1 lease is in use here, of 192\.0\.2\.1, confirmed 5 s ago: its pool is exhausted or has nothing for this MAC, or it has stopped since; look at its log$/,
      ) as string,
    });
    expect((await elsewhere).message).toContain('no DHCP server answered on eth2');
  });

  it('no OFFER while a lease of the segment is not renewed: the server is absent', async () => {
    const { t2At } = await rig.acquire();
    rig.wire.server = () => [];
    await rig.clock.pass(t2At - rig.clock.now() + 1);
    const failed = refusal(rig.acquire({ key: 'other' }, { waitMs: 2_000 }));
    await rig.clock.pass(2_000);
    expect((await failed).message).toContain('no DHCP server answered on VLAN 500 of eth1');
  });

  it('a dead server is told at T1 and at T2, with the time left and its last word', async () => {
    const { t2At } = await rig.acquire();
    rig.wire.server = () => [];
    await rig.clock.pass(t2At - rig.clock.now() + 1);
    const told = rig.log.lines.filter(({ message }) => message.startsWith('lease not renewed'));
    expect(told).toMatchObject([
      { level: 'info', message: 'lease not renewed yet: its server does not answer' },
      {
        level: 'warn',
        message: 'lease not renewed: its server does not answer, all are asked now',
        fields: {
          server: '192.0.2.1',
          left: expect.stringMatching(/ (min|s)$/) as string,
          lastWord: expect.stringMatching(/^ACK from 192\.0\.2\.1 at 2026-/) as string,
        },
      },
    ]);
  });

  it('what no host can use is told once by name, also when renewals say it again', async () => {
    const odd = [[OPTION.DOMAIN_NAME_SERVER, Uint8Array.of(0, 0, 0, 0)]] as const;
    rig.wire.server = script({
      DISCOVER: ({ message }) => [offer({ xid: message.xid })],
      REQUEST: ({ message }) => [ack({ xid: message.xid, options: odd })],
    });
    const { t2At } = await rig.acquire();
    await rig.clock.pass(t2At - rig.clock.now());
    expect(rig.changes.map(({ change }) => change)).toContain('renewed');
    const told = rig.log.lines.filter(({ message }) => message.startsWith('part of the lease'));
    expect(told).toMatchObject([
      { fields: { dropped: "option 6 (DNS servers): 0.0.0.0 is no host's address" } },
    ]);
  });

  it.each([
    ['lacks option 51 (lease time)', { leaseSec: null }],
    ['has an option 51 (lease time) that cannot be read: it is 0', { leaseSec: 0 }],
    ['is for a lease of 2 s; at least 5 s can be kept', { leaseSec: 2 }],
    ['is for 192.0.2.0, the network address of its subnet', { address: ip('192.0.2.0') }],
    ['is for 192.0.2.255, the broadcast address of its subnet', { address: ip('192.0.2.255') }],
    ["is for 192.0.2.1, the server's own address", { address: ip('192.0.2.1') }],
    ['is for 127.0.0.1, which no host can have', { address: ip('127.0.0.1') }],
  ])('an ACK that %s: the sentence says so', async (what, parts) => {
    rig.wire.server = script({
      DISCOVER: ({ message }) => [offer({ xid: message.xid })],
      REQUEST: ({ message }) => [ack({ xid: message.xid, ...parts })],
    });
    const failed = refusal(rig.acquire({}, { waitMs: 500 }));
    await rig.clock.pass(500);
    expect((await failed).message).toMatch(
      new RegExp(`; the ACK of 192.0.2.1 ${what}$`.replace(/[().]/g, '\\$&')),
    );
  });

  it('an OFFER without server id is of no use and is counted as such (RFC 2131 Table 3)', async () => {
    rig.wire.server = script({
      DISCOVER: ({ message }) => [offer({ xid: message.xid, serverId: null })],
    });
    const failed = refusal(rig.acquire({}, { waitMs: 500 }));
    await rig.clock.pass(500);
    const { message } = await failed;
    expect(message).toContain('heard 1 OFFER from 192.0.2.1 (192.0.2.50)');
    expect(message).toContain(
      '1 OFFER ignored: no-server-id; the OFFER of 192.0.2.1 lacks option 54 (server identifier); -o server_id=lenient accepts it',
    );
    expect(rig.wire.sentTypes).toEqual(['DISCOVER']);
  });

  it('another address than the one asked for: the sentence names both', async () => {
    const failed = refusal(rig.acquire(wanted('192.0.2.77'), { waitMs: 500 }));
    await rig.clock.pass(500);
    expect(await failed).toEqual({
      code: 'ADDRESS_NOT_OFFERED',
      message:
        'no DHCP server offered 192.0.2.77 on VLAN 500 of eth1 in 0.5 s: sent 1 DISCOVER from 02:00:00:00:00:c1, heard 1 OFFER from 192.0.2.1 (192.0.2.50), 1 OFFER ignored: address-not-requested; the server has 192.0.2.50 for this client: the address is taken, outside its pool or not reserved for this MAC',
    });
    expect(rig.wire.sentTypes).toEqual(['DISCOVER']);
  });

  it('malformed frames are counted, and the first good answer still counts', async () => {
    rig.wire.server = () => [];
    const got = rig.acquire();
    const [socket] = rig.wire.openSockets;
    const frame = replyFrame(offer({ xid: rig.wire.sent[0]!.message.xid }));
    for (const length of [0, 10, 40, frame.length - 30]) socket!.receive(frame.subarray(0, length));
    socket!.receive(Uint8Array.from({ length: 300 }, (_, i) => (i * 7) % 256));
    rig.wire.server = rig.server.answer;
    socket!.receive(frame);
    expect((await got).address).toBe(ADDRESS);
    expect(rig.log.lines.filter(({ message }) => message === 'dhcp frame malformed')).toHaveLength(
      5,
    );
  });

  it('malformed frames alone are told in the sentence', async () => {
    rig.wire.server = () => [];
    const failed = refusal(rig.acquire({}, { waitMs: 100 }));
    rig.wire.openSockets[0]!.receive(new Uint8Array(3));
    rig.wire.openSockets[0]!.receive(new Uint8Array(3));
    await rig.clock.pass(100);
    expect((await failed).message).toMatch(/heard 2 malformed: /);
  });

  it("another client's traffic is ignored and counted", async () => {
    rig.wire.server = script({
      DISCOVER: ({ message }) => [
        offer({ xid: message.xid, header: { chaddr: mac('02:00:00:00:00:c2') } }),
        offer({ xid: message.xid + 1 }),
      ],
    });
    const failed = refusal(rig.acquire({}, { waitMs: 100 }));
    await rig.clock.pass(100);
    expect((await failed).message).toMatch(/ignored: chaddr-mismatch.*ignored: xid-mismatch/);
  });

  it('sending that fails is told in the sentence and retried (RFC 2131 §4.1)', async () => {
    rig.wire.sendProblem = new Error('ENETDOWN');
    const failed = refusal(rig.acquire({}, { waitMs: 500 }));
    await rig.clock.pass(500);
    expect((await failed).message).toContain('sent nothing (sending failed: ENETDOWN) from');
  });

  it('a send that failed once does not cost the lease', async () => {
    rig.wire.sendProblem = new Error('ENOBUFS');
    const got = rig.acquire();
    rig.wire.sendProblem = undefined;
    await rig.clock.pass(2000);
    expect((await got).address).toBe(ADDRESS);
  });

  it('a socket that cannot be opened is the answer at once', async () => {
    rig.wire.openProblem = () => new Error('no such link');
    expect((await refusal(rig.acquire())).message).toBe('no such link');
    expect([rig.service.size, rig.clock.pending]).toEqual([0, 0]);
  });

  it('a link that goes away while waiting is the answer at once', async () => {
    rig.wire.server = () => [];
    const failed = refusal(rig.acquire());
    rig.wire.openSockets[0]!.fail(new Error('link is gone'));
    expect((await failed).message).toBe('link is gone');
    expect([rig.service.size, rig.clock.pending]).toEqual([0, 0]);
  });
});

describe('dockerd hangs up', () => {
  it('ends the wait at once, and no client, socket or timer is left', async () => {
    rig.wire.server = () => [];
    const hangUp = new AbortController();
    const failed = refusal(rig.acquire({}, { signal: hangUp.signal }));
    await rig.clock.pass(1000);
    hangUp.abort();
    expect((await failed).code).toBe('CANCELLED');
    expect([rig.service.size, rig.places.length, rig.clock.pending]).toEqual([0, 0, 0]);
  });

  it('before it began: nothing is sent', async () => {
    const failed = refusal(rig.acquire({}, { signal: AbortSignal.abort() }));
    expect((await failed).code).toBe('CANCELLED');
    expect([rig.wire.sent.length, rig.clock.pending]).toEqual([0, 0]);
  });

  it('after the lease: it changes nothing', async () => {
    const hangUp = new AbortController();
    await rig.acquire({}, { signal: hangUp.signal });
    hangUp.abort();
    await settled();
    expect(rig.service.size).toBe(1);
  });

  it('forgetting a client that waits ends its timers, too', async () => {
    rig.wire.server = () => [];
    const hangUp = new AbortController();
    const failed = refusal(rig.acquire({}, { signal: hangUp.signal }));
    rig.service.close();
    expect((await failed).code).toBe('CANCELLED');
    expect(rig.clock.pending).toBe(0);
  });
});

describe('announcing an address', () => {
  it('is done from inside the sandbox, twice (RFC 5227 §2.3)', async () => {
    await rig.acquire();
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(10_000);
    expect(rig.wire.sentArp.map(({ place }) => place.link)).toEqual(['eth0', 'eth0']);
  });

  it('ends when the link leaves the sandbox', async () => {
    await rig.acquire();
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    rig.service.unfollow(KEY);
    await rig.clock.pass(10_000);
    expect(rig.wire.sentArp).toHaveLength(1);
  });
});

describe('keeping a lease', () => {
  it('renews at T1 by unicast to the server, and tells the change (RFC 2131 §4.4.5)', async () => {
    await rig.acquire();
    await rig.clock.pass(1_900_000);
    const renewal = rig.wire.sent.at(-1)!;
    expect(renewal.type).toBe('REQUEST');
    expect(renewal.message.ciaddr).toBe(ADDRESS);
    expect(renewal.destinationMac).toBe('02:00:00:00:00:01');
    expect(rig.changes).toMatchObject([{ key: KEY, change: 'renewed' }]);
  });

  it('an address that changes on renewal is told as a change', async () => {
    await rig.acquire();
    rig.wire.server = ({ message }) => [ack({ xid: message.xid, address: ip('192.0.2.99') })];
    await rig.clock.pass(1_900_000);
    expect(rig.changes).toMatchObject([{ change: 'changed', lease: { address: '192.0.2.99' } }]);
  });

  it('a lease that nobody renews is told as lost when it expires', async () => {
    await rig.acquire();
    rig.wire.server = () => [];
    await rig.clock.pass(3_601_000);
    expect(rig.changes).toMatchObject([{ change: 'lost', cause: 'expired' }]);
  });

  it('a lease from before a restart is taken up: kept time, renewed at T1 where it is placed', async () => {
    rig.server.answer({
      type: 'DISCOVER',
      message: offer({ options: [[OPTION.CLIENT_ID, CLIENT_ID]] }),
      place: { link: '' },
      destinationMac: CLIENT_MAC,
    });
    rig.service.resume(subject(), lease({ requestedAt: rig.clock.now() }));
    rig.service.place(KEY, { link: BRIDGE, promiscuous: true });
    expect(rig.wire.sent).toEqual([]);
    await rig.clock.pass(1_900_000);
    expect(rig.wire.sent[0]).toMatchObject({ type: 'REQUEST', place: { link: BRIDGE } });
    expect(rig.changes).toMatchObject([{ change: 'renewed' }]);
  });

  it('an infinite lease keeps no timer (RFC 2131 §3.3)', async () => {
    rig.wire.server = script({
      DISCOVER: ({ message }) => [offer({ xid: message.xid, leaseSec: 0xffffffff })],
      REQUEST: ({ message }) => [ack({ xid: message.xid, leaseSec: 0xffffffff })],
    });
    expect((await rig.acquire()).expiresAt).toBe(Infinity);
    expect(rig.clock.pending).toBe(0);
  });
});

describe('giving a lease back', () => {
  it('sends RELEASE through the bridge, which is there when the container link is gone', async () => {
    await rig.acquire();
    rig.service.release(subject(), undefined, BRIDGE);
    expect(rig.wire.sent.at(-1)).toMatchObject({
      type: 'RELEASE',
      place: { link: BRIDGE },
      message: { ciaddr: ADDRESS },
    });
    expect(rig.server.leases.size).toBe(0);
    expect([rig.service.size, rig.places.length, rig.clock.pending]).toEqual([0, 0, 0]);
  });

  it('that no client keeps: one RELEASE, and nothing else', () => {
    rig.service.release(subject(), lease({ requestedAt: rig.clock.now() }), BRIDGE);
    expect(rig.wire.sent).toMatchObject([
      { type: 'RELEASE', place: { link: BRIDGE }, message: { ciaddr: ADDRESS } },
    ]);
    expect([rig.service.size, rig.places.length, rig.clock.pending]).toEqual([0, 0, 0]);
  });

  it('that is over and that no client keeps: not a word', async () => {
    const old = lease({ requestedAt: rig.clock.now() });
    await rig.clock.pass(old.expiresAt - rig.clock.now());
    rig.service.release(subject(), old, BRIDGE);
    expect([rig.wire.sent, rig.service.size]).toEqual([[], 0]);
  });

  it('of a client that failed, before it is started again', async () => {
    await rig.acquire();
    rig.service.stay(KEY, { link: BRIDGE });
    await rig.failAtNextChange();
    rig.service.release(subject(), undefined, BRIDGE);
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'RELEASE', message: { ciaddr: ADDRESS } });
    expect(rig.changes).toMatchObject([{ change: 'lost', cause: 'released' }]);
    expect([rig.service.size, rig.places.length, rig.clock.pending]).toEqual([0, 0, 0]);
  });

  it('a bridge that is gone costs the RELEASE, not the call', async () => {
    await rig.acquire();
    rig.wire.openProblem = () => new Error('no such link');
    rig.service.release(subject(), undefined, BRIDGE);
    expect(rig.log.messages('warn')).toEqual([
      'lease not given back; the server keeps it until it expires',
    ]);
    expect([rig.service.size, rig.clock.pending]).toEqual([0, 0]);
  });

  it('unknown keys are no error, whatever is asked', () => {
    rig.service.release(subject(), undefined, BRIDGE);
    rig.service.forget('x');
    rig.service.unfollow('x');
    rig.service.place('x', { link: LINK });
    const nowhere = { netnsPath: '/n', hostEnd: 'h', containerEnd: 'c' };
    rig.service.follow('x', { ...nowhere, ...FROM_BRIDGE });
    expect(rig.wire.sockets).toEqual([]);
  });

  it('forgetting says nothing to the server: the container keeps the lease', async () => {
    await rig.acquire();
    rig.service.forget(KEY);
    expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'REQUEST']);
    expect(rig.clock.pending).toBe(0);
  });
});
