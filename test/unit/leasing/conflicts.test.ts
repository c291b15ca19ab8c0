// Another host has the address (RFC 5227): before we use it, while we use it, and while nobody
// listens.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeArpFrame } from '../../../plugin/acd/frame.ts';
import { ipv4Of, OPTION } from '../../../plugin/dhcp4/options.ts';
import type { LeaseSubject } from '../../../plugin/leasing/lease-service.ts';
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import { refusal } from '../../support/fakes/driver-rig.ts';
import type { SentMessage } from '../../support/lan/memory-packet-socket.ts';
import { ack, ADDRESS, ip, lease, mac, offer } from '../../support/frames/messages.ts';
import { BRIDGE, FROM_BRIDGE, KEY, LeasingRig, LINK, subject } from './leasing-rig.ts';

const STRANGER = mac('02:00:00:00:00:99');
const OTHER = ip('192.0.2.51');
const ANY = '0.0.0.0';

let rig: LeasingRig;
beforeEach(() => {
  rig = new LeasingRig();
});
afterEach(() => {
  rig.service.close();
  expect({
    pending: rig.clock.pending,
    open: rig.places,
    arp: rig.wire.arpSockets,
    size: rig.service.size,
  }).toEqual({ pending: 0, open: [], arp: [], size: 0 });
});

/** Offers the next address to a client that declined one. */
function movesOn(): (sent: SentMessage) => readonly Dhcp4Message[] {
  let address = ADDRESS;
  return ({ type, message }) => {
    const parts = { xid: message.xid, address };
    if (type === 'DECLINE') address = OTHER;
    return type === 'DISCOVER' ? [offer(parts)] : type === 'REQUEST' ? [ack(parts)] : [];
  };
}

/**
 * A host that at once answers probes for the address.
 * @returns a function that removes the host.
 */
function occupy(address = ADDRESS): () => void {
  const { sentArp } = rig.wire;
  const push = sentArp.push.bind(sentArp);
  sentArp.push = (...sent) => {
    const count = push(...sent);
    const packet = decodeArpFrame(sent[0]!.frame);
    if (packet.senderAddress === ANY && packet.targetAddress === address) {
      queueMicrotask(() => rig.wire.claim(address, STRANGER));
    }
    return count;
  };
  return () => void (sentArp.push = push);
}

const acquire = (acd: LeaseSubject['acd'], waitMs = 20_000) => rig.acquire({ acd }, { waitMs });
const arpSent = () =>
  rig.wire.sentArp.map(({ frame, place }) => {
    const { senderAddress } = decodeArpFrame(frame);
    return `${senderAddress === ANY ? 'probe' : 'announce'} ${place.link}`;
  });

describe('acd=fast', () => {
  it('a lease counts after two probes, 0.4 s (RFC 5227 §2.1)', async () => {
    const got = acquire('fast');
    await rig.clock.pass(399);
    expect([arpSent(), rig.service.size]).toEqual([[`probe ${LINK}`, `probe ${LINK}`], 1]);
    await rig.clock.pass(1);
    expect((await got).address).toBe(ADDRESS);
  });

  it('an address in use is declined and the next one taken after 10 s (RFC 2131 §3.1 step 5)', async () => {
    rig.wire.server = movesOn();
    occupy();
    const got = acquire('fast');
    await rig.clock.pass(10_500);
    expect((await got).address).toBe(OTHER);
    expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'REQUEST', 'DECLINE', 'DISCOVER', 'REQUEST']);
    const [, , decline, discover] = rig.wire.sent;
    expect(ipv4Of(decline!.message.options, OPTION.REQUESTED_ADDRESS)).toBe(ADDRESS);
    expect(discover!.message.options.has(OPTION.REQUESTED_ADDRESS)).toBe(false);
    expect(rig.changes).toEqual([]);
  });

  it('when the time runs out the sentence names the address and the MAC of the other host', async () => {
    rig.wire.server = movesOn();
    occupy();
    const failed = refusal(acquire('fast', 5_000));
    await rig.clock.pass(5_000);
    expect(await failed).toEqual({
      code: 'ADDRESS_IN_USE',
      message:
        "192.0.2.50 is in use by another host, MAC 02:00:00:00:00:99, and no other address was leased on VLAN 500 of eth1 in 5 s: sent 1 DISCOVER and 1 REQUEST and 1 DECLINE from 02:00:00:00:00:c1, heard 1 OFFER from 192.0.2.1 (192.0.2.50), 1 ACK from 192.0.2.1 (192.0.2.50); give that host another address or take this one out of the server's pool",
    });
  });

  it('is an error when conflicts cannot be heard, and the lease goes back', async () => {
    rig.wire.arpProblem = new Error('ENOBUFS');
    await expect(acquire('fast')).rejects.toThrow('ENOBUFS');
    expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'REQUEST', 'RELEASE']);
  });

  it('a call that is given up while probing gives the lease back', async () => {
    const hangUp = new AbortController();
    const failed = refusal(rig.acquire({ acd: 'fast' }, { signal: hangUp.signal }));
    await rig.clock.pass(100);
    hangUp.abort();
    expect((await failed).code).toBe('CANCELLED');
    expect(rig.server.leases.size).toBe(0);
  });
});

describe('acd=full', () => {
  it('a lease counts after the probes of the RFC, 4 to 7 s', async () => {
    const startedAt = rig.clock.now();
    let takenMs = 0;
    void acquire('full').then(() => (takenMs = rig.clock.now() - startedAt));
    await rig.clock.pass(7_000);
    expect(takenMs).toBeGreaterThanOrEqual(4_000);
    expect(arpSent()).toHaveLength(3);
  });

  it('a budget shorter than the probes takes the lease at its end and probes on', async () => {
    const got = acquire('full', 2_000);
    await rig.clock.pass(2_000);
    expect((await got).address).toBe(ADDRESS);
    expect(rig.log.messages('warn')).toEqual([
      'address taken before all probes were sent: lease_timeout is over',
    ]);
    rig.wire.claim(ADDRESS, STRANGER);
    expect(rig.changes).toMatchObject([{ change: 'lost', cause: 'declined' }]);
  });
});

describe('acd=optimistic', () => {
  it('takes no time of its own: the lease counts before the first answer could come', async () => {
    const startedAt = rig.clock.now();
    expect((await acquire('optimistic')).address).toBe(ADDRESS);
    expect(rig.clock.now()).toBe(startedAt);
    expect([rig.places, rig.wire.arpSockets.map(({ place }) => place)]).toEqual([
      [{ link: LINK }],
      [{ link: LINK }],
    ]);
  });

  it('a late conflict is declined, told as lost, and followed by the next lease', async () => {
    rig.wire.server = movesOn();
    occupy();
    await acquire('optimistic');
    await rig.clock.pass(1);
    expect(rig.changes).toMatchObject([{ change: 'lost', cause: 'declined' }]);
    expect(rig.wire.sentTypes.at(-1)).toBe('DECLINE');
    await rig.clock.pass(9_998);
    expect(rig.wire.sentTypes.at(-1)).toBe('DECLINE');
    await rig.clock.pass(1_000);
    expect(rig.changes[1]).toMatchObject({ change: 'acquired', lease: { address: OTHER } });
    expect(rig.log.messages('warn')).toContain('address given up: another host has it');
  });

  it('goes on probing in the sandbox and announces when nobody answered', async () => {
    await acquire('optimistic');
    await rig.clock.pass(100);
    // The link is being moved. Either socket may report it first. Probes would prove nothing now.
    rig.wire.arpSockets[0]!.fail(new Error('moved'));
    await rig.clock.pass(500);
    rig.wire.openSockets[0]!.fail(new Error('moved'));
    await rig.clock.pass(5_000);
    expect(rig.log.messages('warn')).toEqual([]);
    expect(arpSent()).toEqual([`probe ${LINK}`]);
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(10_000);
    const inside = ['probe eth0', 'probe eth0', 'announce eth0', 'announce eth0'];
    expect(arpSent()).toEqual([`probe ${LINK}`, ...inside]);
    // No socket stays in the sandbox. The address is defended from the bridge, on one socket for
    // all.
    expect(rig.wire.arpSockets.map(({ place }) => place)).toEqual([{ link: BRIDGE, shared: true }]);
    expect(rig.clock.pending).toBe(1); // T1
  });

  it('costs a warning, not the lease, when conflicts cannot be heard', async () => {
    rig.wire.arpProblem = new Error('ENOBUFS');
    await acquire('optimistic');
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(5_000);
    expect(new Set(rig.log.messages('warn'))).toEqual(
      new Set(['address conflicts cannot be heard']),
    );
    expect(arpSent().at(-1)).toBe('announce eth0');
  });
});

describe('acd=optimistic, once the container has the address', () => {
  const inContainer = async () => {
    await acquire('optimistic');
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(0);
  };

  it('one frame costs nothing: everybody is asked once more, and it is announced', async () => {
    await inContainer();
    await rig.clock.pass(100);
    rig.wire.claim(ADDRESS, STRANGER);
    await rig.clock.pass(10_000);
    expect([rig.changes, rig.log.messages('warn')]).toEqual([[], []]);
    const probes = Array.from({ length: 3 }, () => 'probe eth0');
    expect(arpSent().slice(1)).toEqual([...probes, 'announce eth0', 'announce eth0']);
    expect(rig.log.messages('info')).toContain(
      'another host says that it has the address: it is asked once more',
    );
  });

  it('a host that answers that, too, has it: declined within a second, and the next lease is taken', async () => {
    rig.wire.server = movesOn();
    await inContainer();
    occupy();
    await rig.clock.pass(1_000);
    expect(rig.changes).toMatchObject([{ change: 'lost', cause: 'declined' }]);
    expect(rig.wire.sentTypes.at(-1)).toBe('DECLINE');
    await rig.clock.pass(11_000);
    expect(rig.changes[1]).toMatchObject({ change: 'acquired', lease: { address: OTHER } });
  });

  it('a server that always offers the same address: used again when its host is gone, never before it was probed', async () => {
    await inContainer();
    const leave = occupy();
    await rig.clock.pass(120_000);
    expect(rig.changes).toMatchObject([{ change: 'lost', cause: 'declined' }]);
    expect(rig.log.messages('warn')).toEqual(['address given up: another host has it']);
    leave();
    await rig.clock.pass(30_000);
    expect(rig.changes.slice(1)).toMatchObject([
      { change: 'acquired', lease: { address: ADDRESS } },
    ]);
  });
});

describe('acd=off', () => {
  it('probes nothing and defends nothing; the address is announced all the same', async () => {
    occupy();
    await acquire('off');
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(10_000);
    expect(arpSent()).toEqual(['announce eth0', 'announce eth0']);
    expect(rig.wire.arpSockets).toEqual([]);
  });
});

describe('defending (RFC 5227 §2.4)', () => {
  const inUse = async (onConflict: LeaseSubject['onConflict']) => {
    rig.wire.server = movesOn();
    await rig.acquire({ acd: 'optimistic', onConflict });
    rig.sandbox = { link: 'eth0' };
    rig.follow();
    await rig.clock.pass(10_000);
    rig.wire.sentArp.length = 0;
  };
  beforeEach(() => inUse(undefined));

  it('on_conflict=leave: answers a conflict once; a second one within 10 s costs the address', async () => {
    rig.service.close();
    rig.wire.sentArp.length = 0;
    await inUse('leave');
    rig.wire.claim(ADDRESS, STRANGER);
    expect(arpSent()).toEqual(['announce eth0']);
    await rig.clock.pass(9_999);
    rig.wire.claim(ADDRESS, STRANGER);
    expect(rig.changes).toMatchObject([{ change: 'lost', cause: 'declined' }]);
    expect(rig.wire.arpSockets).toEqual([]);
    await rig.clock.pass(11_000);
    expect(rig.changes[1]).toMatchObject({ change: 'acquired', lease: { address: OTHER } });
  });

  it('keeps the address under a sustained attack: one defence in 10 s, nine frames heard, a line a minute', async () => {
    const sent = rig.wire.sent.length;
    let delivered = 0;
    for (let ms = 0; ms < 60_000; ms += 50) {
      delivered += rig.wire.arpSockets.length;
      rig.wire.claim(ADDRESS, STRANGER);
      await rig.clock.pass(50);
    }
    expect(arpSent()).toEqual(Array.from({ length: 6 }, () => 'announce eth0'));
    expect(delivered).toBe(54);
    expect([rig.changes, rig.wire.sent.length]).toEqual([[], sent]);
    expect(rig.log.messages('warn')).toHaveLength(2);
    expect(rig.service.claimsOn(KEY)).toMatchObject({ by: STRANGER, count: 54, defences: 6 });
  });

  it('keeps the address when conflicts are rarer than that', async () => {
    for (let count = 0; count < 5; count += 1) {
      rig.wire.claim(ADDRESS, STRANGER);
      await rig.clock.pass(10_000);
    }
    expect([arpSent().length, rig.changes]).toEqual([5, []]);
  });

  it('goes on when the bridge is made anew: it is looked for every 5 s, and told once', async () => {
    const problem = new Error('no such link');
    rig.wire.arpProblem = problem;
    for (const socket of rig.wire.arpSockets.splice(0)) socket.fail(problem);
    await rig.clock.pass(14_999);
    expect(rig.log.messages('warn')).toEqual(['address conflicts cannot be heard']);
    rig.wire.arpProblem = undefined;
    await rig.clock.pass(5_000);
    rig.wire.claim(ADDRESS, STRANGER);
    expect([arpSent(), rig.changes]).toEqual([['announce eth0'], []]);
  });

  it('a bridge that is gone is not looked for any more when the address is not ours', async () => {
    const problem = new Error('no such link');
    rig.wire.arpProblem = problem;
    for (const socket of rig.wire.arpSockets.splice(0)) socket.fail(problem);
    rig.service.unfollow(KEY);
    rig.wire.arpProblem = undefined;
    await rig.clock.pass(10_000);
    expect(rig.wire.arpSockets).toEqual([]);
  });

  it('ends when the link leaves the sandbox', () => {
    rig.service.unfollow(KEY);
    expect(rig.wire.arpSockets).toEqual([]);
    rig.wire.claim(ADDRESS, STRANGER);
    expect(rig.changes).toEqual([]);
  });
});

describe('DECLINE is bounded per segment and hour', () => {
  it('the seventh conflict is logged as an error and not told to the server, and the sentence says so', async () => {
    occupy();
    const fail = async (segment = 'VLAN 500 of eth1') => {
      rig.wire.server = movesOn();
      const failed = refusal(rig.acquire({ acd: 'fast', segment }, { waitMs: 5_000 }));
      await rig.clock.pass(5_000);
      return (await failed).message;
    };
    const declines = () => rig.wire.sentTypes.filter((type) => type === 'DECLINE').length;
    for (let count = 0; count < 6; count += 1) expect(await fail()).not.toContain('was not told');
    expect(await fail()).toContain(
      'the server was not told (DECLINE): 6 of them were sent on this segment within an hour',
    );
    expect([declines(), rig.log.messages('error')]).toEqual([
      6,
      ['conflict not told to the DHCP server: too many DECLINEs lately'],
    ]);
    await fail('VLAN 600 of eth1');
    expect(declines()).toBe(7);
    await rig.clock.pass(3_600_000);
    await fail();
    expect(declines()).toBe(8);
  });

  it('one that is withheld costs the address for 10 s, as the others: the server offers it again', async () => {
    let host = 50;
    rig.wire.server = ({ type, message }) => {
      const parts = { xid: message.xid, address: ip(`192.0.2.${host}`) };
      if (type === 'DECLINE') host += 1;
      return type === 'DISCOVER' ? [offer(parts)] : type === 'REQUEST' ? [ack(parts)] : [];
    };
    await acquire('optimistic');
    const seconds: number[] = [];
    for (let conflict = 0; conflict < 8; conflict += 1) {
      rig.changes.length = 0;
      rig.wire.claim(ip(`192.0.2.${host}`), STRANGER);
      const since = rig.clock.now();
      while (rig.changes.at(-1)?.change !== 'acquired') await rig.clock.pass(100);
      seconds.push(Math.round((rig.clock.now() - since) / 1000));
    }
    expect(Math.max(...seconds)).toBeLessThanOrEqual(11);
    expect(rig.wire.sentTypes.filter((type) => type === 'DECLINE')).toHaveLength(6);
  });
});

describe('after a restart of the plugin', () => {
  const resumed = (where: object) =>
    rig.service.resume(subject({ acd: 'full' }), lease({ requestedAt: rig.clock.now() }), where);

  it.each([
    ['in the sandbox', { follow: { netnsPath: '/n', hostEnd: 'h', ...FROM_BRIDGE } }, 'eth0'],
    ['over the bridge', { place: { link: BRIDGE, promiscuous: true } }, BRIDGE],
  ])('an address in use is announced and defended, not probed: %s', async (_, where, link) => {
    rig.sandbox = { link: 'eth0' };
    resumed(where);
    expect(arpSent()).toEqual([]); // thousands of clients may be resumed at once
    await rig.clock.pass(10_000);
    expect(arpSent()).toEqual([`announce ${link}`]);
    rig.wire.claim(ADDRESS, STRANGER);
    expect(arpSent()).toHaveLength(2);
  });

  it('also where the sandbox cannot be entered', async () => {
    rig.sandbox = 'not-a-namespace';
    resumed({ follow: { netnsPath: '/n', hostEnd: 'h', ...FROM_BRIDGE } });
    await rig.clock.pass(20_000);
    expect(arpSent()).toEqual([`announce ${BRIDGE}`]);
  });
});

describe('servers that are not in dhcp_server', () => {
  const ROGUE = ip('192.0.2.66');
  const allowing = { acd: 'off', allowedServers: [ip('192.0.2.1')] } as const;

  it('are ignored and reported once each, and the allowed one is used', async () => {
    rig.wire.server = ({ type, message }) => {
      const { xid } = message;
      const rogue = offer({ xid, serverId: ROGUE, address: OTHER });
      return type === 'DISCOVER' ? [rogue, rogue, offer({ xid })] : [ack({ xid })];
    };
    expect((await rig.acquire(allowing)).serverId).toBe('192.0.2.1');
    const warned = rig.log.lines.filter(({ level }) => level === 'warn');
    expect(warned).toMatchObject([
      {
        message: 'offer of a server that is not in dhcp_server ignored',
        fields: { server: ROGUE },
      },
    ]);
  });

  it('are named in the sentence when no other answers', async () => {
    rig.wire.server = ({ message }) => [offer({ xid: message.xid, serverId: ROGUE })];
    const failed = refusal(rig.acquire(allowing, { waitMs: 2_000 }));
    await rig.clock.pass(2_000);
    expect(await failed).toEqual({
      code: 'NO_OFFER',
      message:
        'none of the DHCP servers in dhcp_server (192.0.2.1) answered on VLAN 500 of eth1 in 2 s: sent 2 DISCOVER from 02:00:00:00:00:c1, heard 2 OFFER from 192.0.2.66 (192.0.2.50), 2 OFFER ignored: server-not-allowed; 192.0.2.66 answered and is not in dhcp_server: a rogue server, or one to add',
    });
  });
});

describe('rapid commit (RFC 4039)', () => {
  it('leases with one DISCOVER and one ACK', async () => {
    const committed: [number, Uint8Array][] = [[OPTION.RAPID_COMMIT, new Uint8Array()]];
    rig.wire.server = ({ message }) => [ack({ xid: message.xid, options: committed })];
    await rig.acquire({ acd: 'off', rapidCommit: true });
    expect(rig.wire.sentTypes).toEqual(['DISCOVER']);
    expect(rig.wire.sent[0]!.message.options.has(OPTION.RAPID_COMMIT)).toBe(true);
  });
});
