import { describe, expect, test } from 'vitest';

import {
  addressConflictFilter,
  arpFilter,
  BPF,
  dhcpClientFilter,
} from '../../../../plugin/net/sockets/filter.ts';
import { decodeArpFrame } from '../../../../plugin/acd/frame.ts';
import { parseIpv4, parseMac } from '../../../../plugin/wire/address.ts';
import { kernelRefuses, runBpf } from '../../../support/lan/bpf-interpreter.ts';
import type { BpfInstruction } from '../../../../plugin/net/bpf-assembler.ts';

const accepts = (program: readonly BpfInstruction[], frame: Uint8Array) =>
  runBpf(program, frame) > 0;

const MAC = parseMac('de:ad:be:ef:12:34')!;
const IP = 14;

/**
 * A BOOTP reply to MAC, with only the fields that the filter reads.
 * @param optionWords IPv4 options, in words.
 */
function reply(optionWords = 0): Uint8Array {
  const frame = new Uint8Array(14 + 20 + optionWords * 4 + 8 + 240);
  const view = new DataView(frame.buffer);
  view.setUint16(12, 0x0800);
  view.setUint8(IP, 0x45 + optionWords);
  view.setUint16(IP + 6, 0x4000); // the flag "do not fragment"
  view.setUint8(IP + 9, 17);
  const udp = IP + 20 + optionWords * 4;
  view.setUint16(udp, 67);
  view.setUint16(udp + 2, 68);
  frame.set([0xde, 0xad, 0xbe, 0xef, 0x12, 0x34], udp + 8 + 28);
  return frame;
}

function changed(frame: Uint8Array, offset: number, ...bytes: number[]): Uint8Array {
  const copy = frame.slice();
  copy.set(bytes, offset);
  return copy;
}

describe('dhcpClientFilter', () => {
  const filter = dhcpClientFilter(MAC);

  test('accepts a reply to our chaddr', () => {
    expect(accepts(filter, reply())).toBe(true);
  });

  test.each([1, 5, 10])('finds the ports behind %i words of IPv4 options', (words) => {
    expect(accepts(filter, reply(words))).toBe(true);
    const port = IP + 20 + words * 4 + 2;
    expect(accepts(filter, changed(reply(words), port, 0, 67))).toBe(false);
  });

  test.each([
    ['EtherType ARP', 12, [0x08, 0x06]],
    ['EtherType IPv6', 12, [0x86, 0xdd]],
    ['a second VLAN tag', 12, [0x81, 0x00]],
    ['protocol TCP', IP + 9, [6]],
    ['the first fragment (more-fragments set)', IP + 6, [0x20, 0x00]],
    ['a later fragment (offset 1)', IP + 6, [0x00, 0x01]],
    ['a later fragment (highest offset bit)', IP + 6, [0x10, 0x00]],
    ['destination port 67', IP + 20 + 2, [0, 67]],
    ['destination port 68 + 256', IP + 20 + 2, [1, 68]],
    ['another chaddr, first octet', IP + 20 + 8 + 28, [0xdf]],
    ['another chaddr, fourth octet', IP + 20 + 8 + 31, [0xee]],
    ['another chaddr, fifth octet', IP + 20 + 8 + 32, [0x13]],
    ['another chaddr, last octet', IP + 20 + 8 + 33, [0x35]],
  ] as const)('drops %s', (_what, offset, bytes) => {
    expect(accepts(filter, changed(reply(), offset, ...bytes))).toBe(false);
  });

  test.each([0, 13, 14, 34, 60, 75])('drops a frame cut to %i bytes', (length) => {
    expect(accepts(filter, reply().subarray(0, length))).toBe(false);
  });

  test('accepts a frame with the reserved flag bit, which is no fragment', () => {
    expect(accepts(filter, changed(reply(), IP + 6, 0x80, 0x00))).toBe(true);
  });

  test('works for a chaddr whose first octet has its highest bit set, as for any other', () => {
    const mac = parseMac('02:00:00:00:00:01')!;
    const frame = changed(reply(), IP + 20 + 8 + 28, 2, 0, 0, 0, 0, 1);
    expect(accepts(dhcpClientFilter(mac), frame)).toBe(true);
    expect(accepts(filter, frame)).toBe(false);
  });

  test('without a MAC accepts every chaddr, and still nothing but DHCP to clients', () => {
    const any = dhcpClientFilter(undefined);
    expect(accepts(any, changed(reply(), IP + 20 + 8 + 28, 1, 2, 3, 4, 5, 6))).toBe(true);
    expect(accepts(any, changed(reply(), IP + 20 + 2, 0, 53))).toBe(false);
  });

  test('jumps only to instructions that exist, and has both returns last', () => {
    filter.forEach(({ jt, jf }, index) => {
      expect(index + 1 + Math.max(jt, jf)).toBeLessThan(filter.length + (jt + jf === 0 ? 1 : 0));
      expect(Math.min(jt, jf)).toBeGreaterThanOrEqual(0);
    });
    expect(filter.slice(-2).map(({ code, k }) => [code, k > 0])).toEqual([
      [BPF.RETURN, true],
      [BPF.RETURN, false],
    ]);
  });
});

describe('addressConflictFilter (RFC 5227 §2.1.1, §2.4)', () => {
  const OURS = [192, 0, 2, 50];
  const STRANGER = [2, 0, 0, 0, 0, 0x99];
  const ANY = [0, 0, 0, 0];
  const filter = addressConflictFilter(MAC, parseIpv4('192.0.2.50')!, true);
  const inUse = addressConflictFilter(MAC, parseIpv4('192.0.2.50')!, false);
  const arp = (senderMac: number[], sender: number[], target: number[], op = 1): Uint8Array => {
    const frame = new Uint8Array(42);
    frame.set([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, op], 12);
    frame.set(senderMac, 22);
    frame.set(sender, 28);
    frame.set(target, 38);
    return frame;
  };

  test.each<[string, number[], number[], number[], boolean]>([
    ['another host that uses our address', STRANGER, OURS, [192, 0, 2, 9], true],
    ['another host that announces it', STRANGER, OURS, OURS, true],
    ['another host that probes for it', STRANGER, ANY, OURS, true],
    ['a sender that differs from us in its last octet', [0xde, 0xad, 0xbe, 0xef, 0x12, 0x35], OURS, OURS, true], // prettier-ignore
    ['a sender that differs from us in its first octet', [0xdf, 0xad, 0xbe, 0xef, 0x12, 0x34], OURS, OURS, true], // prettier-ignore
    ['ourselves, announcing', [0xde, 0xad, 0xbe, 0xef, 0x12, 0x34], OURS, OURS, false],
    ['our own probe coming back', [0xde, 0xad, 0xbe, 0xef, 0x12, 0x34], ANY, OURS, false],
    ['a question for our address', STRANGER, [192, 0, 2, 9], OURS, false],
    ['a probe for another address', STRANGER, ANY, [192, 0, 2, 51], false],
    ['traffic about others', STRANGER, [192, 0, 2, 9], [192, 0, 2, 51], false],
  ])('%s', (_what, senderMac, sender, target, passes) => {
    expect(accepts(filter, arp(senderMac, sender, target))).toBe(passes);
    // For an address in use the kernel answers probes. Else both filters agree.
    const isProbe = sender === ANY;
    expect(accepts(inUse, arp(senderMac, sender, target))).toBe(passes && !isProbe);
  });

  test('answers count as questions do, but no answer is a probe', () => {
    expect(accepts(filter, arp(STRANGER, OURS, OURS, 2))).toBe(true);
    expect(accepts(inUse, arp(STRANGER, OURS, OURS, 2))).toBe(true);
    expect(accepts(filter, arp(STRANGER, ANY, OURS, 2))).toBe(false);
  });

  test.each([
    ['hardware', 14, [0, 6]],
    ['protocol', 16, [0x86, 0xdd]],
    ['length of the hardware address', 18, [8]],
    ['length of the protocol address', 19, [16]],
    ['operation 0', 20, [0, 0]],
    ['operation 3, RARP', 20, [0, 3]],
    ['operation 257', 20, [1, 1]],
  ] as const)('drops what the decoder would refuse: another %s', (_what, at, bytes) => {
    for (const [sender, program] of [
      [OURS, filter],
      [ANY, filter],
      [OURS, inUse],
    ] as const) {
      const frame = changed(arp(STRANGER, sender, OURS), at, ...bytes);
      expect(accepts(program, frame)).toBe(false);
      expect(() => decodeArpFrame(frame)).toThrow();
    }
  });

  test('drops other protocols and frames that are cut short', () => {
    const frame = arp(STRANGER, OURS, OURS);
    expect(accepts(filter, changed(frame, 12, 0x08, 0x00))).toBe(false);
    for (const program of [filter, inUse]) {
      for (const length of [0, 13, 20, 30, 31, 41]) {
        expect(accepts(program, frame.subarray(0, length))).toBe(false);
      }
      expect(kernelRefuses(program)).toBeUndefined();
    }
  });

  test('jumps only to instructions that exist, and has both returns last', () => {
    filter.forEach(({ jt, jf }, index) => {
      expect(index + 1 + Math.max(jt, jf)).toBeLessThan(filter.length + (jt + jf === 0 ? 1 : 0));
    });
    expect(filter.slice(-2).map(({ code, k }) => [code, k > 0])).toEqual([
      [BPF.RETURN, true],
      [BPF.RETURN, false],
    ]);
  });
});

describe('arpFilter', () => {
  test('accepts ARP and nothing else', () => {
    const arp = new Uint8Array(42);
    arp.set([0x08, 0x06], 12);
    expect(accepts(arpFilter(), arp)).toBe(true);
    expect(accepts(arpFilter(), reply())).toBe(false);
    expect(accepts(arpFilter(), changed(arp, 12, 0x80, 0x35))).toBe(false);
  });
});
