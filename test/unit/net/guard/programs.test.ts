import { describe, expect, test } from 'vitest';
import {
  closedProgram,
  portProgram,
  uplinkProgram,
} from '../../../../plugin/net/guard/programs.ts';
import type { PortRules } from '../../../../plugin/port-rules.ts';
import { parseIpv4 } from '../../../../plugin/wire/address.ts';
import {
  arp,
  broadcast,
  dhcp,
  DROPPED,
  DROPPED_IPV6,
  ethernet,
  ipv4,
  ipv6,
  MAC,
  mac,
  macOf,
  other,
  OWN,
  PASSING,
  PASSING_IPV6,
  udp,
} from '../../../support/guard-frames.ts';
import { runBpf } from '../../../support/bpf-interpreter.ts';

const RULES: PortRules = { mode: 'mac', mac: MAC, addresses: [], leases: false, noServer: false };
const FULL: PortRules = { ...RULES, mode: 'full', addresses: [parseIpv4('10.50.0.23')!] };

const passes = (rules: PortRules, frame: readonly number[], isTagged = false) =>
  runBpf(portProgram(rules, OWN), Uint8Array.from(frame), isTagged) === 0;

describe.each([
  ['mac', RULES],
  ['full', FULL],
])('guard=%s', (_, rules) => {
  test.each(PASSING)('%s passes', (_what, frame) => {
    expect(passes(rules, frame)).toBe(true);
  });

  test.each(DROPPED)('%s is dropped', (_what, frame) => {
    expect(passes(rules, frame)).toBe(false);
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
  test.each(PASSING_IPV6)('%s passes', (_what, frame) => {
    expect(passes(RULES, frame)).toBe(true);
  });

  test.each(DROPPED_IPV6)('%s is dropped', (_what, frame) => {
    expect(passes(RULES, frame)).toBe(false);
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

  test('no address of IPv6 was leased', () => {
    expect(passes(FULL, ipv6(58, [136, 0]))).toBe(false);
    expect(passes(FULL, ipv6(6, [0, 80]))).toBe(false);
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

test('a closed link passes nothing', () => {
  expect(runBpf(closedProgram(), Uint8Array.from(ethernet(0x0806, [])))).toBe(2);
});

test('every program fits into the kernel: 4,096 instructions', () => {
  const addresses = Array.from({ length: 64 }, (_, i) => parseIpv4(`10.0.0.${i + 1}`)!);
  expect(portProgram({ ...FULL, addresses, leases: true }, OWN).length).toBeLessThan(4096);
  expect(portProgram(RULES, OWN).length).toBeLessThan(4096);
});
