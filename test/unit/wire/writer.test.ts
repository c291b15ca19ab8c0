import { describe, expect, it } from 'vitest';
import { Writer } from '../../../plugin/wire/writer.ts';
import { ip, mac } from '../../support/frames/messages.ts';

describe('Writer', () => {
  it('writes big-endian numbers, addresses and padding', () => {
    const bytes = new Writer()
      .u8(0xff)
      .u16(0x0102)
      .u32(0xfffefdfc)
      .ipv4(ip('192.0.2.1'))
      .mac(mac('02-00-00-00-00-C1'))
      .bytes(Uint8Array.of(7))
      .padTo(20)
      .padTo(3)
      .toBytes();
    expect(Array.from(bytes)).toEqual([
      0xff, 1, 2, 0xff, 0xfe, 0xfd, 0xfc, 192, 0, 2, 1, 2, 0, 0, 0, 0, 0xc1, 7, 0, 0,
    ]);
  });

  it('writes more than it has room for at first, in one piece and in many', () => {
    const octets = Uint8Array.from({ length: 1000 }, (_, index) => (index % 255) + 1);
    const many = new Writer();
    for (const octet of octets) many.u8(octet);
    expect(many.toBytes()).toEqual(octets);
    const whole = new Writer().u8(9).bytes(octets).padTo(1500).toBytes();
    expect([whole.length, whole[0], whole[1000], whole[1001]]).toEqual([1500, 9, 235, 0]);
    expect(whole.subarray(1, 1001)).toEqual(octets);
  });

  it.each([
    ['u8', 256],
    ['u8', -1],
    ['u8', 0.5],
    ['u16', 0x10000],
    ['u32', 2 ** 32],
    ['u32', NaN],
  ] as const)('refuses a value that does not fit: %s of %d', (kind, value) => {
    expect(() => new Writer()[kind](value)).toThrow(RangeError);
  });

  it('counts what it wrote', () => {
    expect(new Writer().u32(0).length).toBe(4);
  });
});
