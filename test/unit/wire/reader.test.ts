import { describe, expect, it } from 'vitest';
import { MalformedError } from '../../../plugin/wire/malformed-error.ts';
import { Reader } from '../../../plugin/wire/reader.ts';

describe('Reader', () => {
  it('reads big-endian numbers and addresses in order', () => {
    const reader = new Reader(
      Uint8Array.of(1, 2, 3, 0xff, 0xff, 0xff, 0xfe, 192, 0, 2, 1, 2, 0, 0, 0, 0, 0xc1, 9),
    );
    expect(reader.u8('a')).toBe(1);
    expect(reader.u16('b')).toBe(0x0203);
    expect(reader.u32('c')).toBe(0xfffffffe);
    expect(reader.ipv4('d')).toBe('192.0.2.1');
    expect(reader.mac('e')).toBe('02:00:00:00:00:c1');
    expect(reader.remaining).toBe(1);
    expect(reader.offset).toBe(17);
  });

  it.each([
    ['u8', 0],
    ['u16', 1],
    ['u32', 3],
    ['ipv4', 3],
    ['mac', 5],
  ] as const)(
    'throws MalformedError, never a short value, when %s finds %i octets',
    (kind, length) => {
      const reader = new Reader(new Uint8Array(length));
      expect(() => reader[kind]('field')).toThrow(MalformedError);
    },
  );

  it('names the field and the place in the larger structure', () => {
    const reader = new Reader(Uint8Array.of(1), 240);
    reader.u8('first');
    const error = caught(() => reader.u8('second'));
    expect(error).toMatchObject({ what: 'second: truncated', offset: 241 });
    expect((error as Error).message).toBe('malformed second: truncated at octet 241');
  });
});

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
