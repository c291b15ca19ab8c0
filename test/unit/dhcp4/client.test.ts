import { describe, expect, it } from 'vitest';
import { ipv4Of, OPTION } from '../../../plugin/dhcp4/options.ts';
import { ADDRESS, ip, lease, mac, SERVER, SERVER_MAC } from '../../support/frames/messages.ts';
import type { ReplyParts } from '../../support/frames/messages.ts';
import { ClientRig } from './client-rig.ts';

const OTHER_SERVER = ip('192.0.2.2');
const OTHER_ADDRESS = ip('192.0.2.77');
const HOUR = 3_600_000;

describe('getting a lease (RFC 2131 §3.1)', () => {
  it('goes DISCOVER, OFFER, REQUEST, ACK with one xid and one secs (§4.4.1)', () => {
    const rig = new ClientRig().do({ type: 'start' });
    expect(rig.name).toBe('SELECTING');
    expect(rig.summary).toEqual(['send DISCOVER to broadcast']);
    rig.tick().tick();
    const discover = rig.sent[0]!;
    expect(discover.secs).toBe(Math.floor(rig.now / 1000));
    rig.now += 500;
    rig.offer();
    expect(rig.name).toBe('REQUESTING');
    expect(rig.summary).toEqual(['send REQUEST to broadcast']);
    expect(rig.sent[0]).toMatchObject({ xid: discover.xid, secs: discover.secs });
    rig.tick();
    expect(rig.sent[0]).toMatchObject({ xid: discover.xid, secs: discover.secs });
    rig.ack();
    expect(rig.name).toBe('BOUND');
    expect(rig.summary).toEqual(['lease acquired']);
  });

  it('counts the lease from when the first REQUEST was sent (§4.4.1)', () => {
    const rig = new ClientRig().do({ type: 'start' });
    rig.now = 300;
    rig.offer().tick();
    rig.ack();
    expect(rig.state).toMatchObject({ lease: { requestedAt: 300, expiresAt: 300 + HOUR } });
  });

  it('takes the server’s MAC from the frame that carried the ACK', () => {
    const rig = new ClientRig().bound();
    expect(rig.state).toMatchObject({ lease: { serverId: SERVER, serverMac: SERVER_MAC } });
  });

  it('waits up to a second first with the RFC’s timing (§4.4.1)', () => {
    const rig = new ClientRig({ retransmit: 'rfc2131' }).do({ type: 'start' });
    expect(rig.name).toBe('INIT');
    expect(rig.effects).toEqual([]);
    expect(rig.deadline).toBeGreaterThan(0);
    expect(rig.deadline).toBeLessThanOrEqual(1_000);
    expect(rig.tick().name).toBe('SELECTING');
  });

  it('keeps asking for ever when nobody answers', () => {
    const rig = new ClientRig().do({ type: 'start' });
    const { xid } = rig;
    for (let count = 0; count < 20; count += 1) {
      rig.tick();
      expect(rig.summary).toEqual(['send DISCOVER to broadcast']);
      expect(rig.sent[0]!.xid).toBe(xid);
    }
    expect(rig.deadline - rig.now).toBeLessThanOrEqual(65_000);
  });

  it('caps secs at its field', () => {
    const rig = new ClientRig().do({ type: 'start' }).at(100_000_000);
    expect(rig.sent[0]!.secs).toBe(0xffff);
  });

  it('sends four REQUESTs and then starts over with a new xid (§3.1 step 5)', () => {
    const rig = new ClientRig().do({ type: 'start' }).offer();
    const { xid } = rig;
    for (let count = 2; count <= 4; count += 1)
      expect(rig.tick().summary).toEqual(['send REQUEST to broadcast']);
    expect(rig.tick().summary).toEqual([]);
    expect(rig.name).toBe('INIT');
    expect(rig.tick().summary).toEqual(['send DISCOVER to broadcast']);
    expect(rig.xid).not.toBe(xid);
  });

  it('accepts an ACK of another address than offered', () => {
    const rig = new ClientRig().do({ type: 'start' }).offer().ack({ address: OTHER_ADDRESS });
    expect(rig.state).toMatchObject({ name: 'BOUND', lease: { address: OTHER_ADDRESS } });
  });

  it('asks for the wished address in option 50', () => {
    const rig = new ClientRig({ requestedAddress: OTHER_ADDRESS }).do({ type: 'start' });
    expect(ipv4Of(rig.sent[0]!.options, OPTION.REQUESTED_ADDRESS)).toBe(OTHER_ADDRESS);
  });
});

describe('replies that do not count are ignored with a reason', () => {
  const selecting = (config = {}): ClientRig => new ClientRig(config).do({ type: 'start' });
  const requesting = (config = {}): ClientRig => selecting(config).offer();

  it.each<[string, (rig: ClientRig) => unknown, () => ClientRig]>([
    ['xid-mismatch', (rig) => rig.offer({ xid: (rig.xid + 1) >>> 0 }), selecting],
    [
      'chaddr-mismatch',
      (rig) => rig.offer({ header: { chaddr: mac('02:00:00:00:00:c2') } }),
      selecting,
    ],
    ['client-id-mismatch', (rig) => rig.offer({ options: [[61, Uint8Array.of(0, 1)]] }), selecting],
    ['not-a-reply', (rig) => rig.offer({ header: { op: 1 } }), selecting],
    ['not-a-reply', (rig) => rig.offer({ options: [[53, Uint8Array.of(9)]] }), selecting],
    ['not-a-reply', (rig) => rig.offer({ options: [[53, Uint8Array.of(3)]] }), selecting],
    ['no-server-id', (rig) => rig.offer({ serverId: null }), selecting],
    ['bad-server-id', (rig) => rig.offer({ serverId: ip('0.0.0.0') }), selecting],
    [
      'bad-server-id',
      (rig) => rig.offer({ serverId: null, header: { damaged: new Map([[54, 'odd']]) } }),
      selecting,
    ],
    ['address-not-unicast', (rig) => rig.offer({ address: ip('0.0.0.0') }), selecting],
    ['address-not-unicast', (rig) => rig.offer({ address: ip('224.0.0.1') }), selecting],
    ['bad-lease-time', (rig) => rig.offer({ leaseSec: 0 }), selecting],
    ['lease-too-short', (rig) => rig.offer({ leaseSec: 4 }), selecting],
    ['address-is-server', (rig) => rig.offer({ address: SERVER }), selecting],
    ['address-is-network', (rig) => rig.offer({ address: ip('192.0.2.0') }), selecting],
    ['address-is-broadcast', (rig) => rig.offer({ address: ip('192.0.2.255') }), selecting],
    ['unexpected-in-state', (rig) => rig.ack(), selecting],
    ['unexpected-in-state', (rig) => rig.nak(), selecting],
    [
      'address-not-requested',
      (rig) => rig.offer(),
      () => selecting({ requestedAddress: OTHER_ADDRESS }),
    ],
    [
      'server-not-allowed',
      (rig) => rig.offer(),
      () => selecting({ allowedServers: [OTHER_SERVER] }),
    ],
    ['unexpected-in-state', (rig) => rig.offer(), requesting],
    ['server-mismatch', (rig) => rig.ack({ serverId: OTHER_SERVER }), requesting],
    ['server-mismatch', (rig) => rig.nak({ serverId: OTHER_SERVER }), requesting],
    ['no-server-id', (rig) => rig.nak({ serverId: null }), requesting],
    ['no-lease-time', (rig) => rig.ack({ leaseSec: null }), requesting],
    [
      'bad-lease-time',
      (rig) => rig.ack({ leaseSec: null, header: { damaged: new Map([[51, 'odd']]) } }),
      requesting,
    ],
    ['bad-lease-time', (rig) => rig.ack({ leaseSec: 0 }), requesting],
    ['lease-too-short', (rig) => rig.ack({ leaseSec: 4 }), requesting],
    ['address-is-server', (rig) => rig.ack({ address: SERVER }), requesting],
    ['address-not-unicast', (rig) => rig.ack({ address: ip('0.0.0.0') }), requesting],
    [
      'address-not-requested',
      (rig) => rig.ack({ address: OTHER_ADDRESS }),
      () => requesting({ requestedAddress: ADDRESS }),
    ],
    [
      'already-expired',
      (rig) => rig.ack({ leaseSec: 5 }),
      () => {
        const rig = new ClientRig({ retransmit: 'rfc2131' }).do({ type: 'start' }).tick().offer();
        const requestedAt = rig.now;
        rig.tick();
        rig.now = requestedAt + 5_000;
        return rig;
      },
    ],
  ])('%s', (reason, act, arrange) => {
    const rig = arrange();
    const before = rig.state;
    act(rig);
    expect(rig.summary).toEqual([`ignored ${reason}`]);
    expect(rig.state).toEqual(before);
  });

  it('accepts our own option 61 echoed (RFC 6842)', () => {
    const rig = selecting();
    rig.offer({ options: [[61, rig.config.clientId]] });
    expect(rig.name).toBe('REQUESTING');
  });

  it('accepts a server that is on the list', () => {
    expect(selecting({ allowedServers: [OTHER_SERVER, SERVER] }).offer().name).toBe('REQUESTING');
  });

  it('takes the OFFER of the second server when the first’s has no server identifier', () => {
    const rig = selecting().offer({ serverId: null });
    expect(rig.offer({ serverId: OTHER_SERVER }).name).toBe('REQUESTING');
    expect(ipv4Of(rig.sent[0]!.options, OPTION.SERVER_ID)).toBe(OTHER_SERVER);
  });
});

describe('a message without a usable server identifier', () => {
  const damaged = { damaged: new Map([[54, 'it has 1 octet, not 4']]) };
  it.each<[string, ReplyParts]>([
    ['none', { serverId: null }],
    ['0.0.0.0', { serverId: ip('0.0.0.0') }],
    ['one that cannot be read', { serverId: null, header: damaged }],
  ])('with server_id=lenient the source of the packet stands in: %s', (_, parts) => {
    const rig = new ClientRig({ lenientServerId: true }).do({ type: 'start' }).offer(parts);
    expect(ipv4Of(rig.sent[0]!.options, OPTION.SERVER_ID)).toBe(SERVER);
    rig.ack(parts);
    expect(rig.state).toMatchObject({ name: 'BOUND', lease: { serverId: SERVER } });
  });

  it('with server_id=lenient an option 54 that is there counts', () => {
    const rig = new ClientRig({ lenientServerId: true }).do({ type: 'start' });
    rig.offer({ serverId: OTHER_SERVER });
    expect(ipv4Of(rig.sent[0]!.options, OPTION.SERVER_ID)).toBe(OTHER_SERVER);
  });

  it('with server_id=lenient and dhcp_server= the source has to be allowed', () => {
    const config = { lenientServerId: true, allowedServers: [OTHER_SERVER] };
    const rig = new ClientRig(config).do({ type: 'start' }).offer({ serverId: null });
    expect(rig.summary).toEqual(['ignored server-not-allowed']);
  });
});

describe('what no host can use of an ACK', () => {
  const odd: ReplyParts = { options: [[6, Uint8Array.of(0, 0, 0, 0)]] };
  const told = "dropped option 6 (DNS servers): 0.0.0.0 is no host's address";

  it('is told before the lease', () => {
    const rig = new ClientRig().do({ type: 'start' }).offer(odd).ack(odd);
    expect(rig.summary).toEqual([told, 'lease acquired']);
    expect(rig.tick().ack(odd).summary).toEqual([told, 'lease renewed']);
  });
});

it('an OFFER without option 51 is taken when its ACK has it', () => {
  const rig = new ClientRig().do({ type: 'start' }).offer({ leaseSec: null }).ack();
  expect(rig.summary).toEqual(['lease acquired']);
});

describe('a NAK', () => {
  it('in REQUESTING is told with its text, and leads to INIT after a short, doubling wait', () => {
    const rig = new ClientRig().do({ type: 'start' });
    for (const delay of [100, 200, 400]) {
      rig.offer().nak({ options: [[56, Uint8Array.of(0x6e, 0x6f, 0)]] });
      expect(rig.summary).toEqual([`refused by ${SERVER}: no`]);
      expect(rig.name).toBe('INIT');
      expect(rig.deadline - rig.now).toBe(delay);
      rig.tick();
    }
    rig.offer().ack();
    expect(rig.state).toMatchObject({ name: 'BOUND', memory: { failures: 0 } });
  });

  it('has a text of at most 255 characters', () => {
    const rig = new ClientRig().do({ type: 'start' }).offer();
    rig.nak({ options: [[56, new Uint8Array(1_200).fill(0x6e)]] });
    expect(rig.summary).toEqual([`refused by ${SERVER}: ${'n'.repeat(255)}`]);
  });

  it('in RENEWING from another server is ignored: it refuses the leases of others (udhcpd)', () => {
    const rig = new ClientRig().bound().tick().nak({ serverId: OTHER_SERVER });
    expect([rig.name, rig.summary]).toEqual(['RENEWING', ['ignored server-mismatch']]);
  });

  it('in REBINDING from any server ends the lease: a VLAN was renumbered (RFC 2131 §4.4.5)', () => {
    const rig = new ClientRig().bound();
    while (rig.name !== 'REBINDING') rig.tick();
    rig.nak({ serverId: OTHER_SERVER });
    expect(rig.summary).toEqual([`refused by ${OTHER_SERVER}: undefined`, 'lease lost nak']);
  });

  it('in REBINDING from a server that is not allowed is ignored', () => {
    const rig = new ClientRig({ allowedServers: [SERVER] }).bound();
    while (rig.name !== 'REBINDING') rig.tick();
    rig.nak({ serverId: OTHER_SERVER });
    expect([rig.name, rig.summary]).toEqual(['REBINDING', ['ignored server-not-allowed']]);
  });

  it.each(['RENEWING', 'REBINDING'])('in %s from our server ends the lease now', (name) => {
    const rig = new ClientRig().bound();
    while (rig.name !== name) rig.tick();
    rig.nak();
    expect(rig.summary).toEqual([`refused by ${SERVER}: undefined`, 'lease lost nak']);
    expect(rig.deadline - rig.now).toBe(1_000);
    rig.tick();
    expect(rig.sent[0]!.options.has(OPTION.REQUESTED_ADDRESS)).toBe(false);
  });
});

describe('extending a lease (RFC 2131 §4.4.5)', () => {
  const EXACT: ReplyParts = { t1Sec: 1800, t2Sec: 3150 };

  it.each([
    [-1, 'BOUND', []],
    [0, 'RENEWING', ['send REQUEST to 192.0.2.1']],
    [1, 'RENEWING', ['send REQUEST to 192.0.2.1']],
  ])('at T1 %i ms it is %s', (offset, name, summary) => {
    const rig = new ClientRig().bound(EXACT);
    rig.at(rig.deadline + offset);
    expect([rig.name, rig.summary]).toEqual([name, summary]);
  });

  it.each([
    [-1, 'RENEWING', []],
    [0, 'REBINDING', ['unanswered since T2', 'send REQUEST to broadcast']],
    [1, 'REBINDING', ['unanswered since T2', 'send REQUEST to broadcast']],
  ])('at T2 %i ms it is %s', (offset, name, summary) => {
    const rig = new ClientRig().bound(EXACT);
    while (rig.deadline < 3_150_000) rig.tick();
    rig.at(3_150_000 + offset);
    expect([rig.name, rig.summary]).toEqual([name, summary]);
  });

  it.each([
    [-1, 'REBINDING', []],
    [0, 'INIT', ['lease lost expired']],
    [1, 'INIT', ['lease lost expired']],
  ])('at expiry %i ms it is %s', (offset, name, summary) => {
    const rig = new ClientRig().bound(EXACT);
    while (rig.deadline < HOUR) rig.tick();
    rig.at(HOUR + offset);
    expect([rig.name, rig.summary]).toEqual([name, summary]);
  });

  it('unicasts to the lease’s server by its MAC, never to siaddr', () => {
    const rig = new ClientRig().bound({ header: { siaddr: OTHER_SERVER } }).tick();
    expect(rig.effects).toMatchObject([{ to: { address: SERVER, mac: SERVER_MAC } }]);
  });

  it('repeats after half the time left, at least 60 s, and stops when less is left', () => {
    const rig = new ClientRig().bound(EXACT);
    rig.now = 1_800_000; // after T1, which is a little earlier than the server says
    rig.do({ type: 'tick' });
    const times: number[] = [rig.now / 1000];
    while (rig.now < HOUR) {
      rig.tick();
      if (rig.sent.length > 0) times.push(rig.now / 1000);
    }
    expect(times).toEqual([
      1800, 2475, 2812.5, 2981.25, 3065.625, 3125.625, 3150, 3375, 3487.5, 3547.5,
    ]);
  });

  it('sends two REQUESTs from T1 and one from T2 in the shortest lease, of 5 s', () => {
    const rig = new ClientRig().bound({ leaseSec: 5, t1Sec: 3, t2Sec: 4 });
    const seen: (string | number)[] = [];
    while (rig.name !== 'INIT') seen.push(...rig.tick().summary);
    expect(seen).toEqual([
      `send REQUEST to ${SERVER}`,
      'unanswered since T1',
      `send REQUEST to ${SERVER}`,
      'unanswered since T2',
      'send REQUEST to broadcast',
      'lease lost expired',
    ]);
    expect(rig.now).toBe(5_000);
  });

  it.each([1, 2, 3, 4, 5])(
    'keeps a lease of %i s that a renewal brought, for an hour',
    (leaseSec) => {
      const rig = new ClientRig().bound().tick();
      const summaries = new Set<string>();
      let latest = 0;
      while (rig.now < 2 * HOUR) {
        const asked = rig.now;
        rig.now += 50;
        summaries.add(`at an answer: ${rig.ack({ leaseSec }).summary.join()}`);
        summaries.add(`then: ${rig.tick().summary.join()}`);
        latest = Math.max(latest, rig.now - asked);
      }
      expect([...summaries]).toEqual([
        'at an answer: lease renewed',
        `then: send REQUEST to ${SERVER}`,
      ]);
      expect(latest).toBeLessThan(leaseSec * 1000);
    },
  );

  it('tells once that nobody answers: 10 s after T1, and at T2', () => {
    const rig = new ClientRig().bound(EXACT).tick();
    const t1 = rig.now;
    const told: [number, string][] = [];
    while (rig.name !== 'INIT') {
      rig.tick();
      for (const line of rig.summary) if (line.startsWith('unanswered')) told.push([rig.now, line]);
    }
    expect(told).toEqual([
      [t1 + 10_000, 'unanswered since T1'],
      [3_150_000, 'unanswered since T2'],
    ]);
  });

  it('tells nothing when the answer comes in time', () => {
    const rig = new ClientRig().bound(EXACT).tick();
    rig.now += 9_999;
    expect(rig.ack().summary).toEqual(['lease renewed']);
  });

  it('tells it late when the process slept over it', () => {
    const rig = new ClientRig().bound(EXACT).tick();
    rig.at(2_900_000);
    expect(rig.summary).toEqual(['unanswered since T1', `send REQUEST to ${SERVER}`]);
  });

  it('uses a new xid for each exchange and the same within one', () => {
    const rig = new ClientRig().do({ type: 'start' });
    const { xid } = rig;
    expect([rig.tick().xid, rig.tick().xid]).toEqual([xid, xid]);
  });

  it('extends by exchanges of their own: a lease counts from the REQUEST that was answered', () => {
    const rig = new ClientRig().bound(EXACT);
    const xids = [rig.tick().xid, rig.tick().tick().xid];
    while (rig.name !== 'REBINDING') rig.tick();
    xids.push(rig.xid, rig.tick().xid);
    expect(new Set(xids).size).toBe(4);
  });

  it('takes a shorter lease from a server that was silent for longer than that (RFC 2131 §4.4.5)', () => {
    const rig = new ClientRig().bound({ leaseSec: 86_400 }).tick(); // at T1, without an answer
    const asked = rig.now;
    while (rig.now < asked + 2 * HOUR) rig.tick();
    rig.ack({ leaseSec: 3600 });
    expect(rig.summary).toEqual(['lease renewed']);
    expect(rig.state).toMatchObject({ name: 'BOUND', lease: { expiresAt: rig.now + HOUR } });
  });

  it('is over at its end also without T1 and T2', () => {
    const rig = new ClientRig();
    const times = { t1At: Infinity, t2At: Infinity, expiresAt: HOUR };
    rig.do({ type: 'resume', lease: lease({ requestedAt: 0, ...times }) });
    rig.tick();
    expect(rig.summary).toContain('lease lost expired');
  });

  it('says renewed for new times, counted from the REQUEST', () => {
    const rig = new ClientRig().bound(EXACT).tick();
    const asked = rig.now;
    rig.now += 40;
    rig.ack(EXACT);
    expect(rig.summary).toEqual(['lease renewed']);
    expect(rig.state).toMatchObject({ lease: { expiresAt: asked + HOUR } });
  });

  it('says changed for other terms, another address included', () => {
    const rig = new ClientRig()
      .bound(EXACT)
      .tick()
      .ack({ options: [[26, Uint8Array.of(5, 0)]] });
    expect(rig.summary).toEqual(['lease changed']);
    expect(rig.tick().ack({ address: OTHER_ADDRESS }).summary).toEqual(['lease changed']);
  });

  it('checks an address that a renewal brought', () => {
    const rig = new ClientRig({ acd: true }).bound(EXACT).do({ type: 'checked', inUse: false });
    rig.tick().ack({ address: OTHER_ADDRESS });
    expect(rig.summary).toEqual(['lease changed', `check ${OTHER_ADDRESS}`]);
    expect(rig.tick().ack({ address: OTHER_ADDRESS }).summary).toEqual(['lease renewed']);
  });

  it('accepts an ACK of another server in REBINDING and renews there from then on', () => {
    const rig = new ClientRig().bound(EXACT);
    while (rig.name !== 'REBINDING') rig.tick();
    rig.ack({ serverId: OTHER_SERVER });
    expect(rig.summary).toEqual(['lease renewed']);
    expect(rig.tick().summary).toEqual([`send REQUEST to ${OTHER_SERVER}`]);
  });

  it('never asks about an infinite lease', () => {
    const rig = new ClientRig().bound({ leaseSec: 0xffffffff });
    expect(rig.deadline).toBe(Infinity);
    expect(rig.at(1e15).effects).toEqual([]);
  });

  it('waits a second when T1 had passed before the ACK came', () => {
    const rig = new ClientRig().do({ type: 'start' }).offer();
    rig.now = 3_100;
    rig.ack({ leaseSec: 1000, t1Sec: 3, t2Sec: 6 });
    expect(rig.name).toBe('BOUND');
    expect(rig.deadline).toBe(4_100);
  });

  it('lets a late tick skip what is over (a suspended host)', () => {
    expect(new ClientRig().bound(EXACT).at(3_200_000).name).toBe('REBINDING');
    expect(new ClientRig().bound(EXACT).at(HOUR).summary).toEqual(['lease lost expired']);
    expect(new ClientRig().bound(EXACT).tick().at(HOUR).summary).toEqual(['lease lost expired']);
  });

  it('does not let a reply revive a lease that ended before it came', () => {
    const rig = new ClientRig().bound(EXACT);
    while (rig.name !== 'REBINDING') rig.tick();
    rig.now = HOUR;
    rig.ack();
    expect(rig.summary).toEqual(['lease lost expired', 'ignored unexpected-in-state']);
  });

  it('suggests the old address after expiry', () => {
    const rig = new ClientRig().bound(EXACT).at(HOUR).tick();
    expect(ipv4Of(rig.sent[0]!.options, OPTION.REQUESTED_ADDRESS)).toBe(ADDRESS);
  });
});

describe('an address that another host has (RFC 2131 §3.1 step 5, RFC 5227)', () => {
  const checking = (): ClientRig => new ClientRig({ acd: true }).bound();

  it('is checked before it is used', () => {
    const rig = checking();
    expect([rig.name, rig.summary]).toEqual(['CHECKING', [`check ${ADDRESS}`]]);
    rig.do({ type: 'checked', inUse: false });
    expect([rig.name, rig.summary]).toEqual(['BOUND', ['lease acquired']]);
  });

  it('is used when the check brings no answer in 10 s', () => {
    const rig = checking();
    expect(rig.tick().summary).toEqual(['lease acquired']);
    expect(rig.now).toBe(10_000);
  });

  it('is dropped silently when its lease ends during the check', () => {
    const rig = new ClientRig({ acd: true }).bound({ leaseSec: 5 }).tick();
    expect([rig.name, rig.summary, rig.now]).toEqual(['INIT', [], 5_000]);
  });

  it('is declined, and nothing is sent for 10 s', () => {
    const rig = checking();
    rig.do({ type: 'checked', inUse: true });
    expect(rig.summary).toEqual(['send DECLINE to broadcast']);
    expect(rig.deadline - rig.now).toBe(10_000);
  });

  it('is not asked for in the first DISCOVER after that, even where no other will do', () => {
    const rig = new ClientRig({ acd: true, requestedAddress: ADDRESS }).bound();
    rig.do({ type: 'checked', inUse: true }).tick();
    expect(rig.summary).toEqual(['send DISCOVER to broadcast']);
    expect(rig.sent[0]!.options.has(OPTION.REQUESTED_ADDRESS)).toBe(false);
    while (rig.now < 20_000) rig.tick();
    expect(ipv4Of(rig.sent[0]!.options, OPTION.REQUESTED_ADDRESS)).toBe(ADDRESS);
  });

  it('is passed over for 20 s when it is offered again, then taken and checked anew', () => {
    const rig = checking().do({ type: 'checked', inUse: true }).tick();
    expect(rig.offer().summary).toEqual(['ignored address-declined']);
    while (rig.deadline < 20_000) rig.tick();
    rig.at(20_000 - 1);
    expect(rig.offer().summary).toEqual(['ignored address-declined']);
    rig.at(20_000);
    expect(rig.offer().summary).toEqual(['send REQUEST to broadcast']);
    expect(rig.ack().summary).toEqual([`check ${ADDRESS}`]);
  });

  it('from a server that offers nothing else: asked for and checked again within 30 s, each time', () => {
    for (let dice = 1; dice <= 50; dice += 1) {
      const rig = new ClientRig({ acd: true }, dice).bound();
      for (let time = 0; time < 3; time += 1) {
        const declinedAt = rig.now;
        rig.do({ type: 'checked', inUse: true });
        while (rig.name !== 'CHECKING') {
          rig.tick();
          if (rig.name === 'SELECTING') rig.offer();
          if (rig.name === 'REQUESTING') rig.ack();
        }
        expect(rig.now - declinedAt).toBeLessThanOrEqual(30_000);
      }
    }
  });

  it.each([false, true])(
    'whose DECLINE is withheld (in use: %s) is taken again after 10 s, as the server was not told',
    (isInUse) => {
      const rig = isInUse ? new ClientRig().bound() : checking();
      rig.mayDecline = false;
      rig.do({ type: 'checked', inUse: true });
      const lost = isInUse ? ['lease lost declined'] : [];
      expect(rig.summary).toEqual([`withheld ${ADDRESS}`, ...lost]);
      expect(rig.deadline - rig.now).toBe(10_000);
      expect(rig.tick().summary).toEqual(['send DISCOVER to broadcast']);
      expect(rig.offer().summary).toEqual(['send REQUEST to broadcast']);
    },
  );

  it('slows down to one try a minute after 10 conflicts, and remembers no more than 10', () => {
    const rig = new ClientRig({ acd: true }).do({ type: 'start' });
    for (let host = 1; host <= 12; host += 1) {
      const address = ip(`192.0.2.${host + 100}`);
      rig.offer({ address }).ack({ address }).do({ type: 'checked', inUse: true });
      expect(rig.deadline - rig.now).toBe(host < 10 ? 10_000 : 60_000);
      rig.tick();
    }
    expect(rig.state).toMatchObject({ memory: { declined: { length: 10 } } });
  });

  it.each(['BOUND', 'RENEWING', 'REBINDING'])('ends the use in %s (RFC 5227 §2.4)', (name) => {
    const rig = new ClientRig().bound();
    while (rig.name !== name) rig.tick();
    rig.do({ type: 'checked', inUse: true });
    expect(rig.summary).toEqual(['send DECLINE to broadcast', 'lease lost declined']);
  });
});

describe('starting with a lease from before (RFC 2131 §3.2)', () => {
  const previous = lease({ requestedAt: -1000 });

  it('asks whether it is still good: option 50, no 54, ciaddr 0', () => {
    const rig = new ClientRig().do({ type: 'start', previous });
    expect([rig.name, rig.summary]).toEqual(['REBOOTING', ['send REQUEST to broadcast']]);
    expect(rig.sent[0]!.ciaddr).toBe('0.0.0.0');
    expect(ipv4Of(rig.sent[0]!.options, OPTION.REQUESTED_ADDRESS)).toBe(ADDRESS);
    rig.ack();
    expect([rig.name, rig.summary]).toEqual(['BOUND', ['lease acquired']]);
  });

  it('checks the address before use', () => {
    const rig = new ClientRig({ acd: true }).do({ type: 'start', previous }).ack();
    expect(rig.summary).toEqual([`check ${ADDRESS}`]);
  });

  it('uses the rest of it after 3 s of silence while a container waits (§3.2 step 3)', () => {
    const rig = new ClientRig().do({ type: 'start', previous });
    while (rig.summary[0] !== 'lease acquired') rig.tick();
    expect([rig.name, rig.now]).toEqual(['REBOOTING', 3_000]);
    expect(rig.summary).toEqual(['lease acquired', 'send REQUEST to broadcast']);
  });

  it('goes on asking for 10 minutes, and takes the answer for a renewal that counts from its own REQUEST', () => {
    const rig = new ClientRig().do({ type: 'start', previous });
    while (rig.now < 120_000) rig.tick();
    expect(rig.name).toBe('REBOOTING');
    const askedAt = rig.now;
    rig.ack();
    expect([rig.name, rig.summary]).toEqual(['BOUND', ['lease renewed']]);
    expect(rig.state).toMatchObject({ lease: { requestedAt: askedAt } });

    const unheard = new ClientRig().do({ type: 'start', previous });
    while (unheard.name === 'REBOOTING') unheard.tick();
    expect([unheard.name, unheard.now]).toEqual(['BOUND', 603_000]);
  });

  it('is asked about for a shorter time where servers are known to be silent', () => {
    const rig = new ClientRig().do({ type: 'start', previous, patience: 500 });
    expect([rig.tick().now, rig.summary[0]]).toEqual([500, 'lease acquired']);
  });

  it('past its T1 goes on in RENEWING', () => {
    const late = lease({ requestedAt: -2_000_000 });
    const rig = new ClientRig().do({ type: 'start', previous: late });
    while (rig.name === 'REBOOTING') rig.tick();
    expect([rig.name, rig.summary[0]]).toEqual(['RENEWING', 'lease acquired']);
  });

  it('used in silence, the address is checked beside (RFC 5227)', () => {
    const rig = new ClientRig({ acd: true }).do({ type: 'start', previous });
    while (rig.summary[0] !== 'lease acquired') rig.tick();
    expect(rig.summary[1]).toBe(`check ${ADDRESS}`);
    rig.do({ type: 'checked', inUse: true });
    expect(rig.summary).toEqual(['send DECLINE to broadcast', 'lease lost declined']);
  });

  it('is not used when another server refused it: somebody is there, so it discovers', () => {
    const rig = new ClientRig().do({ type: 'start', previous });
    rig.nak({ serverId: OTHER_SERVER });
    while (rig.name === 'REBOOTING') rig.tick();
    expect([rig.name, rig.now, rig.summary]).toEqual([
      'SELECTING',
      3_000,
      ['send DISCOVER to broadcast'],
    ]);
    expect(ipv4Of(rig.sent[0]!.options, OPTION.REQUESTED_ADDRESS)).toBe(ADDRESS);
  });

  it('waits in INIT-REBOOT and then 10 s with the RFC’s timing', () => {
    const rig = new ClientRig({ retransmit: 'rfc2131' }).do({ type: 'start', previous });
    expect(rig.name).toBe('INIT-REBOOT');
    const started = rig.tick().now;
    while (rig.name === 'REBOOTING') rig.tick();
    expect(rig.now - started).toBe(10_000);
  });

  it('discovers soon after a NAK of its server, without asking for the address', () => {
    const rig = new ClientRig().do({ type: 'start', previous }).nak();
    expect(rig.summary).toEqual([`refused by ${SERVER}: undefined`]);
    expect(rig.deadline - rig.now).toBe(100);
    expect(rig.tick().sent[0]!.options.has(OPTION.REQUESTED_ADDRESS)).toBe(false);
  });

  it('is not moved by the NAK of a server that never gave the lease (udhcpd does that)', () => {
    const rig = new ClientRig().do({ type: 'start', previous });
    expect(rig.nak({ serverId: OTHER_SERVER }).summary).toEqual(['ignored server-mismatch']);
    expect(rig.ack().name).toBe('BOUND');
  });

  it('discovers at once when the lease is over, suggesting its address', () => {
    const rig = new ClientRig();
    rig.now = previous.expiresAt;
    rig.do({ type: 'start', previous });
    expect(rig.summary).toEqual(['send DISCOVER to broadcast']);
    expect(ipv4Of(rig.sent[0]!.options, OPTION.REQUESTED_ADDRESS)).toBe(ADDRESS);
  });

  it('discovers when another address is wished now', () => {
    const rig = new ClientRig({ requestedAddress: OTHER_ADDRESS }).do({ type: 'start', previous });
    expect(rig.name).toBe('SELECTING');
  });

  it('discovers when the lease ends before anyone answered', () => {
    const short = lease({ expiresAt: 1_500 });
    expect(new ClientRig().do({ type: 'start', previous: short }).at(1_500).name).toBe('SELECTING');
    const rig = new ClientRig({ retransmit: 'rfc2131' });
    rig.do({ type: 'start', previous: lease({ expiresAt: 1 }) }).at(1);
    expect(rig.name).toBe('SELECTING');
  });
});

describe('resuming after a restart of the plugin', () => {
  it.each([
    [0, 'BOUND', []],
    [1_799_999, 'BOUND', []],
    [HOUR, 'INIT', ['lease lost expired']],
  ])('at %i ms of an hour it is %s', (now, name, summary) => {
    const rig = new ClientRig();
    rig.now = now;
    rig.do({ type: 'resume', lease: lease() });
    expect([rig.name, rig.summary]).toEqual([name, summary]);
  });

  it.each([
    ['T1', 1_800_000, 10_000, 'RENEWING', `send REQUEST to ${SERVER}`],
    ['almost T2', 3_149_000, 500, 'RENEWING', `send REQUEST to ${SERVER}`],
    ['T2', 3_150_000, 10_000, 'REBINDING', 'send REQUEST to broadcast'],
    ['almost its end', HOUR - 1_000, 500, 'REBINDING', 'send REQUEST to broadcast'],
    ['its last moment', HOUR - 1, 1, 'INIT', 'lease lost expired'],
  ])('past %s, at %i ms, waits up to %i ms', (_, now, most, name, summary) => {
    const delays = Array.from({ length: 200 }, (_, dice) => {
      const rig = new ClientRig({}, dice);
      rig.now = now;
      rig.do({ type: 'resume', lease: lease() });
      expect([rig.name, rig.summary]).toEqual(['BOUND', []]);
      const delay = rig.deadline - now;
      expect([rig.tick().name, rig.summary.at(-1)]).toEqual([name, summary]);
      return delay;
    });
    expect(Math.min(...delays)).toBeGreaterThan(0);
    expect(Math.min(...delays)).toBeLessThan(Math.max(2, most / 10));
    expect(Math.max(...delays)).toBeLessThanOrEqual(most);
    expect(Math.max(...delays)).toBeGreaterThan(most * 0.9);
  });
});

describe('a link that comes back (RFC 2131 §3.7)', () => {
  const rebooting = (): ClientRig => new ClientRig().bound().do({ type: 'link', up: true }).tick();

  it('asks about the lease within a second, and the container keeps it meanwhile', () => {
    const rig = new ClientRig().bound().do({ type: 'link', up: false });
    expect(rig.name).toBe('BOUND');
    rig.do({ type: 'link', up: true });
    expect([rig.name, rig.summary]).toEqual(['INIT-REBOOT', []]);
    expect(rig.deadline - rig.now).toBeLessThanOrEqual(1_000);
    expect(rig.tick().summary).toEqual(['send REQUEST to broadcast']);
    expect(rig.ack().summary).toEqual(['lease renewed']);
  });

  it('keeps the rest of the lease when nobody answers (§3.2 step 3)', () => {
    const rig = rebooting();
    while (rig.name === 'REBOOTING') rig.tick();
    expect([rig.name, rig.summary]).toEqual(['BOUND', []]);
  });

  it('asks anew when it comes back again', () => {
    const rig = rebooting().do({ type: 'link', up: false });
    expect(rig.name).toBe('REBOOTING');
    expect(rig.do({ type: 'link', up: true }).name).toBe('INIT-REBOOT');
  });

  it('loses the lease by a NAK of its server', () => {
    expect(rebooting().nak().summary).toEqual([
      `refused by ${SERVER}: undefined`,
      'lease lost nak',
    ]);
  });

  it('loses the lease by expiry and by conflict', () => {
    expect(rebooting().at(HOUR).summary).toEqual(['lease lost expired']);
    expect(rebooting().do({ type: 'checked', inUse: true }).summary).toEqual([
      'send DECLINE to broadcast',
      'lease lost declined',
    ]);
    const waiting = new ClientRig().bound().do({ type: 'link', up: true });
    expect(waiting.at(HOUR).summary).toEqual(['lease lost expired']);
  });

  it.each(['SELECTING', 'REQUESTING'])('starts discovery over within a second: %s', (name) => {
    const rig = new ClientRig().do({ type: 'start' });
    if (name === 'REQUESTING') rig.offer();
    expect(rig.do({ type: 'link', up: false }).name).toBe(name);
    expect(rig.do({ type: 'link', up: true }).name).toBe('INIT');
    expect(rig.deadline - rig.now).toBeLessThanOrEqual(1_000);
  });
});

describe('releasing (RFC 2131 §4.4.6)', () => {
  it.each(['BOUND', 'RENEWING', 'REBINDING'])('unicasts a RELEASE from %s and stops', (name) => {
    const rig = new ClientRig().bound();
    while (rig.name !== name) rig.tick();
    rig.do({ type: 'release' });
    expect(rig.summary).toEqual([`send RELEASE to ${SERVER}`, 'lease lost released']);
    expect([rig.name, rig.deadline]).toEqual(['STOPPED', Infinity]);
  });

  it('gives back a lease that was not used yet, without calling it lost', () => {
    const checking = new ClientRig({ acd: true }).bound().do({ type: 'release' });
    expect(checking.summary).toEqual([`send RELEASE to ${SERVER}`]);
    const rebooting = new ClientRig().do({ type: 'start', previous: lease() });
    expect(rebooting.do({ type: 'release' }).summary).toEqual([`send RELEASE to ${SERVER}`]);
  });

  it('has nothing to send before there is a lease', () => {
    expect(new ClientRig().do({ type: 'release' }).summary).toEqual([]);
    const selecting = new ClientRig().do({ type: 'start' }).do({ type: 'release' });
    expect([selecting.name, selecting.summary]).toEqual(['STOPPED', []]);
    const requesting = new ClientRig().do({ type: 'start' }).offer().do({ type: 'release' });
    expect([requesting.name, requesting.summary]).toEqual(['STOPPED', []]);
  });
});
