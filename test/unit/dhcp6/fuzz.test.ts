// The decoder gives a value or MalformedError, whatever it reads, and encodes what it has decoded.
// The machine survives each value. FUZZ_DHCP6=10000000 sets how many inputs a run has; FUZZ_SEED
// the seed.
import { expect, it } from 'vitest';
import { initialState, nextDeadline, step } from '../../../plugin/dhcp6/client/client.ts';
import { clientFrame, decodeFrame, encodeFrame } from '../../../plugin/dhcp6/frame.ts';
import type { Dhcp6Message } from '../../../plugin/dhcp6/message.ts';
import type { Dhcp6Option } from '../../../plugin/dhcp6/options.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { CLIENT_MAC } from '../../support/frames/messages.ts';
import { CLIENT_DUID, clientConfig6, reply6 } from '../../support/frames/messages6.ts';
import { valueOf } from '../../support/frames/malformed.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';

const INPUTS = Number(process.env['FUZZ_DHCP6'] ?? 2_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 9915);

/** Ethernet, IPv6 and UDP. */
const HEADERS = 62;
const rich: Dhcp6Message = reply6('REPLY', 7, {
  addresses: [['2001:db8::1'], ['2001:db8::2', 5, 9, 3]],
  options: [
    { type: 'rapid-commit' },
    { type: 'sol-max-rt', value: 99 },
    { type: 'inf-max-rt', value: 99 },
    { type: 'refresh-time', value: 99 },
    { type: 'fqdn', flags: 1, name: 'web', isPartial: true },
    { type: 'fqdn', flags: 0, name: 'web.example', isPartial: false },
    { type: 'domain-list', names: ['lab.example', 'a.b'] },
    { type: 'option-request', codes: [23, 24] },
    { type: 'elapsed-time', value: 9 },
    { type: 'preference', value: 9 },
  ],
});
const FRAMES = [
  ...['advertise-dnsmasq', 'advertise-kea', 'advertise-three-addresses-dnsmasq'].map(readFixture),
  ...['reply-isc', 'reply-rebind-replaced-kea', 'reply-renew-no-binding-dnsmasq'].map(readFixture),
  encodeFrame(clientFrame(CLIENT_MAC, rich)),
];

/** A captured frame with a few octets changed, cut or lengthened; sometimes only random octets. */
function input(random: () => number): Uint8Array {
  const below = (limit: number): number => Math.floor(random() * limit);
  if (below(20) === 0) return Uint8Array.from({ length: below(160) }, () => below(256));
  const bytes = Uint8Array.from(FRAMES[below(FRAMES.length)]!);
  const changes = below(6);
  // Most changes hit the message, because the checks of the headers end the others early.
  for (let count = 0; count < changes; count += 1) {
    const from = below(8) === 0 ? 0 : HEADERS;
    bytes[from + below(bytes.length - from)] = below(3) === 0 ? below(6) : below(256);
  }
  if (below(6) !== 0) return bytes;
  const cut = bytes.slice(0, HEADERS + below(bytes.length - HEADERS + 1));
  // The headers say the new length, so that the options are read up to the cut.
  const length = cut.length - 54;
  if (below(4) !== 0) {
    cut.set([length >> 8, length & 255], 18);
    cut.set([length >> 8, length & 255], 58);
  }
  return cut;
}

/** The message as if it answered the client, so that the machine reads all of it. */
function answering(message: Dhcp6Message, xid: number): Dhcp6Message {
  const options = message.options.map((option): Dhcp6Option => {
    if (option.type === 'client-id') return { ...option, duid: CLIENT_DUID };
    return option.type === 'ia-na' ? { ...option, iaid: clientConfig6().iaid } : option;
  });
  return { ...message, xid, options };
}

it(
  `${INPUTS} inputs with seed ${SEED}`,
  () => {
    const random = seededRandom(SEED);
    const config = clientConfig6({ rapidCommit: true });
    let state = initialState();
    let now = 0;
    const count = { decoded: 0, refused: 0, leases: 0 };
    for (let index = 0; index < INPUTS; index += 1) {
      const bytes = input(random);
      const where = (): string =>
        `input ${index} of seed ${SEED}: ${Buffer.from(bytes).toString('hex')}`;
      try {
        const frame = valueOf(() => decodeFrame(bytes, { checksumReady: false }));
        if (frame === undefined) {
          count.refused += 1;
          continue;
        }
        count.decoded += 1;
        // The rest costs more, so it is done for a part.
        if (index % 50 !== 0 && INPUTS > 100_000) continue;
        const port = [2, 7, 10].includes(bytes[HEADERS]!) ? 546 : 547;
        const again = decodeFrame(encodeFrame(frame), { checksumReady: true, port });
        expect(again, where()).toEqual(frame);
        // A new client now and then, so that it is met in each of its states.
        if (state.name === 'STOPPED' || index % 40 === 0) {
          state = step(initialState(), { type: 'start' }, { now, random, config }).state;
        }
        const xid = 'exchange' in state ? state.exchange.xid : 0;
        const message = answering(frame.message, xid);
        const heard = step(state, { type: 'message', message }, { now, random, config });
        count.leases += heard.effects.filter(({ type }) => type === 'lease').length;
        expect(nextDeadline(heard.state), where()).toBeGreaterThan(now);
        const deadline = nextDeadline(heard.state);
        if (deadline !== Infinity && random() < 0.3) now = deadline;
        state = step(heard.state, { type: 'tick' }, { now, random, config }).state;
        expect(nextDeadline(state), where()).toBeGreaterThan(now);
      } catch (error) {
        throw new Error(where(), { cause: error });
      }
    }
    // Inputs that are refused or ignored at once would prove nothing.
    expect(count.decoded).toBeGreaterThan(INPUTS / 5);
    expect(count.refused).toBeGreaterThan(INPUTS / 20);
    expect(count.leases).toBeGreaterThan(INPUTS / 2_000);
  },
  60_000 + INPUTS,
);
