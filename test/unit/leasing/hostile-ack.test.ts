/**
 * An ACK is a hostile host's to write. Whatever it says, the lease made of it is small, is one line
 * of printable text in each field, and can be read again from its file.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { decodeMessage, encodeMessage } from '../../../plugin/dhcp4/message.ts';
import { leaseTermsOf } from '../../../plugin/dhcp4/lease-terms.ts';
import { leaseTimesOf } from '../../../plugin/dhcp4/lease-times.ts';
import { storeLease } from '../../../plugin/state/stored-lease.ts';
import { lease as storedLease } from '../../../plugin/state/files/value-schemas.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import {
  ack,
  ADDRESS,
  SERVER,
  SERVER_MAC,
  type ReplyParts,
} from '../../support/frames/messages.ts';

type Sent = NonNullable<ReplyParts['options']>;

/** The largest message that a link of 9000 octets carries, and what it may cost. */
const LARGEST_MESSAGE = 8_900;
const LARGEST_RECORD = 16_384;

function leaseOf(options: Sent, dropped: string[] = []) {
  const message = decodeMessage(encodeMessage({ ...ack({ options }), yiaddr: ADDRESS }));
  const wishes = { alsoAsked: [66, 224] };
  const terms = leaseTermsOf(message, SERVER, SERVER_MAC, dropped, wishes);
  return { ...terms, ...leaseTimesOf(message.options, 3_600_000, 0, () => 0.5) };
}

function stored(options: Sent): string {
  return JSON.stringify(storeLease(leaseOf(options), new FakeClock()));
}

const filled = (octets: readonly number[], length: number) =>
  Uint8Array.from({ length }, (_, index) => octets[index % octets.length]!);
/** One name of 253 characters, and then pointers to it. */
const bomb = (length: number) => {
  const label = [63, ...Buffer.from('a'.repeat(63))];
  const name = [...label, ...label, ...label, 61, ...Buffer.from('a'.repeat(61)), 0];
  return Uint8Array.from([...name, ...filled([0xc0, 0], length - name.length)]);
};

describe('a lease made of a hostile ACK', () => {
  it.each<[string, Sent]>([
    ['119: pointers that repeat one long name', [[119, bomb(1_201)]]],
    ['119: the same, on a link of 9000', [[119, bomb(LARGEST_MESSAGE - 1)]]],
    ['252: text, on a link of 9000', [[252, filled([97], LARGEST_MESSAGE)]]],
    ['252: octets, on a link of 9000', [[252, filled([0x1b], LARGEST_MESSAGE)]]],
    ['42: addresses, on a link of 9000', [[42, filled([10, 50, 0, 1], LARGEST_MESSAGE)]]],
    ['6: DNS servers, on a link of 9000', [[6, filled([10, 50, 0, 1], LARGEST_MESSAGE)]]],
    ['121: routes, on a link of 9000', [[121, filled([8, 10, 10, 50, 0, 1], 8_400)]]],
  ])('is small: %s', (_, options) => {
    const text = stored(options);
    expect(text.length).toBeLessThan(LARGEST_RECORD);
    expect(v.safeParse(storedLease, JSON.parse(text)).issues?.[0]?.message).toBeUndefined();
  });

  it('has no DNS server that is the first or last address of its subnet', () => {
    const dropped: string[] = [];
    const servers = Uint8Array.of(192, 0, 2, 0, 192, 0, 2, 255, 127, 0, 0, 1, 192, 0, 2, 53);
    expect(leaseOf([[6, servers]], dropped).dnsServers).toEqual(['192.0.2.53']);
    expect(dropped).toEqual(["option 6 (DNS servers): 192.0.2.0 is no host's address"]);
  });

  it('names what is left out of a list that is too long', () => {
    const dropped: string[] = [];
    const lease = leaseOf([[119, bomb(1_201)], [6, filled([10, 50, 0, 1], 256)]], dropped); // prettier-ignore
    expect([lease.domainSearch.length, lease.dnsServers.length]).toEqual([32, 16]);
    expect(dropped).toEqual([
      'option 6 (DNS servers): 64 servers, more than 16; the rest',
      expect.stringMatching(
        /^option 119 \(domain search list\): \d+ names, more than 32; the rest$/,
      ),
    ]);
  });

  const anyOption = fc.tuple(
    fc.constantFrom(1, 3, 6, 12, 15, 26, 33, 42, 43, 66, 81, 100, 101, 119, 121, 224, 249, 252),
    fc.oneof(
      fc.uint8Array({ maxLength: 600 }),
      fc
        .array(fc.constantFrom(0, 1, 3, 4, 10, 27, 65, 127, 155, 192, 255))
        .map((octets) => Uint8Array.from(octets)),
    ),
  );

  it('has printable text, and can be read again from its file, for any options', () => {
    fc.assert(
      fc.property(fc.array(anyOption, { maxLength: 12 }), (options) => {
        const dropped: string[] = [];
        const lease = leaseOf(options, dropped);
        const text = JSON.stringify(storeLease(lease, new FakeClock()));
        expect(v.safeParse(storedLease, JSON.parse(text)).issues?.[0]?.message).toBeUndefined();
        const values = (lease.others ?? []).map(({ value }) => value);
        const told = [lease.domainName ?? '', ...lease.domainSearch, ...values, ...dropped];
        for (const one of told) expect(one).toMatch(/^[\x20-\x7e]*$/);
      }),
      { numRuns: 3_000 },
    );
  });
});
