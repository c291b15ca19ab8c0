import { describe, expect, test } from 'vitest';
import {
  closedProgram,
  lowerProgram,
  portProgram,
  outerProgram,
  uplinkProgram,
} from '../../../../plugin/net/guard/programs.ts';
import { GUARD_MODES, type PortRules } from '../../../../plugin/vocabulary/port-rules.ts';
import { ipv6ToBytes, parseIpv6 } from '../../../../plugin/wire/address6.ts';
import { parseIpv4, parseMac, type Mac } from '../../../../plugin/wire/address.ts';
import {
  arp,
  broadcast,
  dhcp,
  DROPPED,
  DROPPED_IPV6,
  ethernet,
  half,
  ipv4,
  ipv6,
  MAC,
  mac,
  macOf,
  other,
  OTHER_TAGS,
  OWN,
  PASSING,
  PASSING_IPV6,
  udp,
} from '../../../support/frames/guard-frames.ts';
import { kernelRefuses, runBpf } from '../../../support/lan/bpf-interpreter.ts';

const RULES: PortRules = { mode: 'mac', mac: MAC, addresses: [], leases: false, noServer: false };
const FULL: PortRules = { ...RULES, mode: 'full', addresses: [parseIpv4('10.50.0.23')!] };

const passes = (rules: PortRules, frame: readonly number[], isTagged = false) =>
  runBpf(portProgram(rules, OWN), Uint8Array.from(frame), isTagged) === 0;

describe.each([
  ['mac', RULES],
  ['full', FULL],
])('guard=%s', (_, rules) => {
  test('what containers need passes, what they may not send is dropped', () => {
    expect(PASSING.filter(([, frame]) => !passes(rules, frame)).map(([what]) => what)).toEqual([]);
    expect(DROPPED.filter(([, frame]) => passes(rules, frame)).map(([what]) => what)).toEqual([]);
  });

  test('a tagged frame is dropped, whatever is in it', () => {
    expect(passes(rules, ipv4(1, [8, 0]), true)).toBe(false);
  });

  test('before Join a DHCP request passes, but only for its own MAC', () => {
    const leasing = { ...rules, leases: true };
    const from = { from: [0, 0, 0, 0] };
    expect(passes(leasing, ipv4(17, udp(68, 67, dhcp(mac)), from))).toBe(true);
    expect(passes(leasing, ipv4(17, udp(68, 67, dhcp(other)), from))).toBe(false);
    expect(passes(leasing, ipv4(17, udp(68, 67, [1, 1, 6, 0]), from))).toBe(false);
    expect(passes(leasing, ipv4(17, udp(67, 68), from))).toBe(false);
  });
});

describe('guard=mac and IPv6', () => {
  test('what containers need passes, what they may not send is dropped', () => {
    const wrong = [
      ...PASSING_IPV6.filter(([, frame]) => !passes(RULES, frame)),
      ...DROPPED_IPV6.filter(([, frame]) => passes(RULES, frame)),
    ];
    expect(wrong.map(([what]) => what)).toEqual([]);
  });
});

describe('guard=full', () => {
  test('only leased addresses are a source', () => {
    expect(passes(FULL, ipv4(1, [8], { from: [10, 50, 0, 24] }))).toBe(false);
    expect(passes(FULL, ipv4(1, [8], { from: [0, 0, 0, 0] }))).toBe(false);
    expect(passes(FULL, arp(mac, [10, 50, 0, 24]))).toBe(false);
    expect(passes({ ...FULL, addresses: [] }, ipv4(1, [8]))).toBe(false);
    expect(passes({ ...FULL, addresses: [] }, arp(mac, [0, 0, 0, 0]))).toBe(true);
    const two = { ...FULL, addresses: [...FULL.addresses, parseIpv4('10.50.0.24')!] };
    expect(passes(two, ipv4(1, [8], { from: [10, 50, 0, 24] }))).toBe(true);
    expect(passes(two, arp(mac, [10, 50, 0, 24]))).toBe(true);
  });

  test('without IPv6 on its network nothing of it passes', () => {
    expect(passes(FULL, ipv6(58, [136, 0]))).toBe(false);
    expect(passes(FULL, ipv6(6, [0, 80]))).toBe(false);
  });

  describe('with IPv6 on its network', () => {
    const leased = parseIpv6('2001:db8:500::123')!;
    const SIX: PortRules = { ...FULL, addresses6: [parseIpv6('2001:db8::1')!, leased] };
    const octets = (text: string) => [...ipv6ToBytes(parseIpv6(text)!)];
    const from = (source: string, next = 6, payload: readonly number[] = [0, 80]) =>
      ipv6(next, payload, [], payload.length, octets(source));
    const claim = (target: string, source = leased as string) =>
      from(source, 58, [136, 0, 0, 0, 0x20, 0, 0, 0, ...octets(target)]);

    test.each([
      ['its leased address', '2001:db8:500::123', true],
      ['its link-local address', 'fe80::11:22ff:fe33:4455', true],
      ['its address with any prefix', '2001:db8:600:0:11:22ff:fe33:4455', true],
      ['no address yet', '::', true],
      ['an address of another host', '2001:db8:500::124', false],
      ['the link-local address of another host', 'fe80::1', false],
      ['the same end with another beginning', '2001:db8:501::123', false],
      ["a neighbour's address of a prefix", '2001:db8:600:0:11:22ff:fe33:4456', false],
    ])('from %s', (_what, source, isOwn) => {
      expect(passes(SIX, from(source))).toBe(isOwn);
    });

    test.each([
      ['its token with any prefix', '2001:db8:600::53', true],
      ['its link-local address', 'fe80::11:22ff:fe33:4455', true],
      ['a link-local address of its token', 'fe80::53', false],
      ['the token of another host', '2001:db8:600::54', false],
    ])('with token=::53, from %s', (_what, source, isOwn) => {
      const chosen = { ...SIX, token: parseIpv6('::53')! };
      expect(passes(chosen, from(source))).toBe(isOwn);
      expect(passes(chosen, claim(source))).toBe(isOwn);
    });

    test('it says of its own addresses alone that it has them', () => {
      expect(passes(SIX, claim('2001:db8:500::123'))).toBe(true);
      expect(passes(SIX, claim('fe80::11:22ff:fe33:4455'))).toBe(true);
      expect(passes(SIX, claim('2001:db8:500::1'))).toBe(false);
      expect(passes(SIX, claim('fe80::1'))).toBe(false);
      expect(passes(SIX, claim('2001:db8:500::123').slice(0, 70))).toBe(false);
      expect(passes(SIX, claim('::'))).toBe(false);
    });

    test('behind extension headers it is held to the same', () => {
      const behind = (target: string) =>
        from(leased, 60, [
          ...[58, 0, 1, 4, 0, 0, 0, 0],
          ...[136, 0, 0, 0, 0x20, 0, 0, 0, ...octets(target)],
        ]);
      expect(passes(SIX, behind('2001:db8:500::123'))).toBe(true);
      expect(passes(SIX, behind('2001:db8:500::1'))).toBe(false);
    });

    test('what guard=mac drops is dropped', () => {
      const own = octets(leased);
      const as = (frame: readonly number[]) => [
        ...[...frame.slice(0, 22), ...own],
        ...frame.slice(38),
      ];
      const wrong = DROPPED_IPV6.filter(([, frame]) => passes(SIX, as(frame)));
      expect(wrong.map(([what]) => what)).toEqual([]);
    });
  });
});

describe('guard=off', () => {
  const OFF: PortRules = { ...RULES, mode: 'off' };
  test.each([
    ['another MAC', ethernet(0x0800, ipv4(1, [8]).slice(14), broadcast, other)],
    ['spanning tree', ethernet(0x0026, [0x42, 0x42, 3], [1, 0x80, 0xc2, 0, 0, 0])],
    ['a DHCP server', ipv4(17, udp(67, 68))],
    ['a router advertisement', ipv6(58, [134])],
  ])('%s passes', (_what, frame) => {
    expect(passes(OFF, frame)).toBe(true);
  });

  test('what a bridge hands to the host does not pass', () => {
    for (const last of [1, 3, 14, 15]) {
      const frame = ethernet(0x0800, ipv4(1, [8]).slice(14), [1, 0x80, 0xc2, 0, 0, last]);
      expect(passes(OFF, frame)).toBe(false);
    }
    expect(passes(OFF, ethernet(0x0800, ipv4(1, [8]).slice(14), macOf(OWN)))).toBe(false);
  });

  test('with servers named, a container is none of them', () => {
    const named = { ...OFF, noServer: true };
    expect(passes(named, ipv4(17, udp(67, 68)))).toBe(false);
    expect(passes(named, ipv4(17, udp(4000, 68)))).toBe(false);
    expect(passes(named, ipv4(17, udp(68, 67)))).toBe(true);
    expect(passes(named, ipv4(17, udp(4000, 53)))).toBe(true);
    expect(passes(named, ipv6(58, [134]))).toBe(true);
    expect(passes(named, ipv4(17, udp(67, 68)).slice(0, 30))).toBe(false);
    expect(passes(named, ethernet(0x0026, [0x42, 0x42, 3], [1, 0x80, 0xc2, 0, 0, 0]))).toBe(true);
  });

  describe('with servers named, behind VLAN tags', () => {
    const named = { ...OFF, noServer: true };
    const TYPES = [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300];
    /** The tags behind the outer tag. The kernel has removed the outer one. */
    const behind = (types: readonly number[], frame: readonly number[], vid = 0) => [
      ...frame.slice(0, 12),
      ...types.flatMap((type) => [...half(type), ...half(vid)]),
      ...frame.slice(12),
    ];
    const server = ipv4(17, udp(67, 68), { words: 2 });
    const client = ipv4(17, udp(68, 67));

    test.each(TYPES)('of type %i a server is dropped, and anything else passes', (type) => {
      for (const isTagged of [false, true]) {
        for (const vid of [0, 5]) {
          expect(passes(named, behind([type], server, vid), isTagged)).toBe(false);
          expect(passes(named, behind([type], client, vid), isTagged)).toBe(true);
          expect(passes(named, behind([type], ipv6(58, [134]), vid), isTagged)).toBe(true);
        }
      }
    });

    test.each([0, 1, 2, 3, 4])('%i of them', (count) => {
      const types = TYPES.slice(0, count);
      expect(passes(named, behind(types, server), true)).toBe(false);
      expect(passes(named, behind(types, ipv4(17, udp(4000, 53))), true)).toBe(true);
      expect(passes(named, behind(types, arp(mac, [10, 50, 0, 24])), true)).toBe(true);
    });

    test('what is deeper is dropped, whatever it is', () => {
      expect(passes(named, behind(TYPES, client), true)).toBe(false);
      expect(passes(named, behind([...TYPES, ...TYPES], server), true)).toBe(false);
    });

    test('a tag, or a packet, that is cut short is dropped', () => {
      expect(passes(named, behind([0x8100], server).slice(0, 16), true)).toBe(false);
      expect(passes(named, behind([0x8100], server).slice(0, 36), true)).toBe(false);
    });

    test('IPv4 in an IEEE 802.2 frame (RFC 1042) is dropped, other frames of IEEE 802.2 pass', () => {
      const snap = (type: readonly number[]) =>
        ethernet(60, [0xaa, 0xaa, 3, 0, 0, 0, ...type, ...server.slice(14)]);
      for (const types of [[], [0x8100]]) {
        expect(passes(named, behind(types, snap([8, 0])))).toBe(false);
        expect(passes(named, behind(types, snap([8, 6])))).toBe(true);
        expect(passes(named, behind(types, ethernet(3, [0x42, 0x42, 3])))).toBe(true);
      }
    });

    test.each(OTHER_TAGS)(
      'a tag of %s is dropped, what is behind it is not looked for',
      (_, type) => {
        expect(passes(named, ethernet(type, [1, 2, 3, 4]))).toBe(false);
        expect(passes(named, behind([0x8100], ethernet(type, [1, 2, 3, 4])))).toBe(false);
        expect(passes(OFF, ethernet(type, [1, 2, 3, 4]))).toBe(true);
      },
    );

    test('what is encrypted passes (IEEE 802.1AE)', () => {
      expect(passes(named, ethernet(0x88e5, [1, 2, 3, 4]))).toBe(true);
    });

    test('without servers named tags pass', () => {
      expect(passes(OFF, behind(TYPES, server), true)).toBe(true);
    });
  });
});

test('a VLAN link passes what is not for the host', () => {
  const program = uplinkProgram(MAC);
  const frame = (to: readonly number[]) => Uint8Array.from(ethernet(0x0800, [], [...to], other));
  expect(runBpf(program, frame(broadcast))).toBe(0);
  expect(runBpf(program, frame(other))).toBe(0);
  expect(runBpf(program, frame([1, 0x80, 0xc2, 0, 0, 0x10]))).toBe(0);
  expect(runBpf(program, frame(mac))).toBe(2);
  expect(runBpf(program, frame([1, 0x80, 0xc2, 0, 0, 14]))).toBe(2);
});

test('the link of an outer tag passes what has a second tag with a VLAN, and nothing else', () => {
  const frame = Uint8Array.from(ethernet(0x0800, [], [...mac], other));
  expect(runBpf(outerProgram(), frame)).toBe(2);
  expect(runBpf(outerProgram(), frame, true, 500)).toBe(0);
  expect(runBpf(outerProgram(), frame, true, 0xe000)).toBe(2);
  expect(runBpf(outerProgram(), frame, true, 0xe1f4)).toBe(0);
});

describe('the link below macvlan links', () => {
  const list = (count: number) =>
    Array.from({ length: count }, (_, at) =>
      parseMac(
        `02:11:${(at % 7).toString(16).padStart(2, '0')}:33:${hex(at >> 8)}:${hex(at & 0xff)}`,
      )!,
    );
  const hex = (octet: number) => octet.toString(16).padStart(2, '0');
  const passesFrom = (macs: readonly Mac[], from: Mac) => {
    const program = lowerProgram('mac', { list: macs });
    expect(kernelRefuses(program)).toBeUndefined();
    return runBpf(program, Uint8Array.from(ethernet(0x88b5, [1], broadcast, macOf(from)))) === 0;
  };

  test.each([1, 2, 3, 4, 5, 64, 500])('passes each of %i MACs, and none beside them', (count) => {
    const macs = list(count);
    const some = count > 64 ? macs.filter((_, at) => at % 50 === 0 || at > 497) : macs;
    for (const one of some) {
      expect(passesFrom(macs, one)).toBe(true);
      for (const change of [/^02/, /(?<=02:11:)../, /..$/]) {
        const near = parseMac(one.replace(change, '7e'))!;
        expect(passesFrom(macs, near)).toBe(macs.includes(near));
      }
    }
  });

  test('passes MACs whose last octets are alike', () => {
    const macs = ['02:00:00:00:00:01', '02:00:00:01:00:01', '02:00:00:02:00:01'].map((text) =>
      parseMac(text)!,
    );
    for (const one of macs) expect(passesFrom(macs, one)).toBe(true);
    expect(passesFrom(macs, parseMac('02:00:00:03:00:01')!)).toBe(false);
  });

  test('passes every MAC if they are too many for a program', () => {
    expect(passesFrom(list(501), OWN)).toBe(true);
  });

  test('passes ARP only if its sender is the source', () => {
    const program = lowerProgram('mac', { list: [MAC, parseMac('02:11:22:33:44:56')!] });
    const passes = (frame: readonly number[]) => runBpf(program, Uint8Array.from(frame)) === 0;
    expect(passes(arp(mac, [10, 50, 0, 23]))).toBe(true);
    expect(passes(arp(other, [10, 50, 0, 23]))).toBe(false);
    expect(passes(arp(other, [10, 50, 0, 23], other))).toBe(true);
  });
});

test('a closed link passes nothing', () => {
  expect(runBpf(closedProgram(), Uint8Array.from(ethernet(0x0806, [])))).toBe(2);
});

test.each([1, 64])('the kernel takes every program, with %i addresses', (count) => {
  const addresses = Array.from({ length: count }, (_, i) => parseIpv4(`10.0.0.${i + 1}`)!);
  const rules = GUARD_MODES.flatMap((mode) =>
    [false, true].flatMap((leases) =>
      [false, true].map((noServer) => ({ ...RULES, mode, leases, noServer, addresses })),
    ),
  );
  const ports = rules.map((one) => portProgram(one, OWN));
  const links = [closedProgram(), outerProgram(), uplinkProgram(MAC), uplinkProgram(undefined)];
  for (const program of [...ports, ...links]) {
    expect(kernelRefuses(program)).toBeUndefined();
  }
});
