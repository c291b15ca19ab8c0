import { expect, test } from 'vitest';

import { chaddrOf } from '../../../../plugin/net/sockets/shared-lease-socket.ts';

const MAC = [2, 0, 0, 0, 0, 0xaa];

/** A frame with chaddr behind an IP header of that many words. Nothing follows chaddr. */
function frame(words: number): Uint8Array {
  const before = 14 + words * 4 + 8 + 28;
  const bytes = Uint8Array.from([...new Uint8Array(before), ...MAC]);
  bytes[14] = 0x40 + words;
  return bytes;
}

test.each([5, 6, 15])('chaddr is found behind an IP header of %i words', (words) => {
  expect(chaddrOf(frame(words))).toBe('02:00:00:00:00:aa');
});

test('a frame that ends before or within chaddr has none', () => {
  const whole = frame(5);
  for (let length = 0; length < whole.length; length += 1) {
    expect(chaddrOf(whole.subarray(0, length))).toBeUndefined();
  }
  const lengthened = frame(5);
  lengthened[14] = 0x46; // the header claims one word more than it has
  expect(chaddrOf(lengthened)).toBeUndefined();
});
