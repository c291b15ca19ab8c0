// Which link-local addresses are tried (RFC 3927).
import { expect, it } from 'vitest';
import { linkLocalCandidate, linkLocalDelay } from '../../../plugin/acd/link-local.ts';
import { ipv4ToBytes } from '../../../plugin/wire/address.ts';

const seedOf = (last: number) => Uint8Array.of(1, 2, 0, 0, 0, last >> 8, last & 0xff);

it('each candidate is in 169.254.1.0 to 169.254.254.255 (RFC 3927 §2.1)', () => {
  for (let client = 0; client < 2_000; client += 1) {
    const [a, b, c] = ipv4ToBytes(linkLocalCandidate(seedOf(client), client % 40));
    expect([a, b]).toEqual([169, 254]);
    expect(c).toBeGreaterThanOrEqual(1);
    expect(c).toBeLessThanOrEqual(254);
  }
});

it('a client tries the same addresses in the same order; two clients hardly ever the same one', () => {
  const order = (client: number) => [0, 1, 2, 3].map((n) => linkLocalCandidate(seedOf(client), n));
  expect(order(7)).toEqual(order(7));
  expect(new Set(order(7)).size).toBe(4);
  const firsts = Array.from({ length: 500 }, (_, client) => linkLocalCandidate(seedOf(client), 0));
  // 500 of 65024: two by chance are to be expected.
  expect(new Set(firsts).size).toBeGreaterThan(490);
});

it('after ten conflicts one address is tried a minute (RFC 3927 §2.2.1)', () => {
  expect([0, 1, 9, 10, 50].map(linkLocalDelay)).toEqual([0, 0, 0, 60_000, 60_000]);
});
