// A decoder gives a value or MalformedError, whatever it reads, and encodes what it has decoded.
// FUZZ_NDP=10000000 sets how many inputs a run has; FUZZ_SEED the seed.
import { expect, it } from 'vitest';
import { decodeNdpFrame, encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { decodeListenerReport, encodeListenerReport } from '../../../plugin/ndp/listener-report.ts';
import { replayOf } from '../../../plugin/ndp/replay.ts';
import { hearRouter, NO_ROUTERS, type RouterTable } from '../../../plugin/ndp/routers.ts';
import { chooseSlaacAddress } from '../../../plugin/ndp/slaac.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { ip6 } from '../../support/frames/messages.ts';
import { valueOf } from '../../support/frames/malformed.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';
import { advertisement, prefix } from './ndp-messages.ts';

const INPUTS = Number(process.env['FUZZ_NDP'] ?? 2_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 4861);

const options = { checksumReady: false };
const rich = advertisement({
  options: [
    prefix('2001:db8:1::/64'),
    { type: 'route', subnet: prefix('2001:db8::/32').subnet, preference: 'high', lifetime: 9 },
    { type: 'rdnss', servers: [ip6('fe80::1'), ip6('2001:db8::1')], lifetime: 9 },
    { type: 'dnssl', names: ['lab.example', 'a.b'], lifetime: 9 },
  ],
});
const FRAMES = [
  'ra-radvd-managed-rio',
  'ra-dnsmasq-stateful',
  'linux-router-solicitation',
  'linux-duplicate-probe',
  'linux-listener-report',
].map(readFixture);
FRAMES.push(encodeNdpFrame(rich));

/** A captured frame with a few octets changed, cut or lengthened; sometimes only random octets. */
function input(random: () => number): Uint8Array {
  const below = (limit: number): number => Math.floor(random() * limit);
  if (below(20) === 0) return Uint8Array.from({ length: below(120) }, () => below(256));
  let bytes = Uint8Array.from(FRAMES[below(FRAMES.length)]!);
  const changes = below(6);
  // Most changes hit the message, because the checks of the headers end the others early.
  for (let count = 0; count < changes; count += 1) {
    const from = below(5) === 0 ? 0 : 54;
    bytes[from + below(bytes.length - from)] = below(3) === 0 ? below(4) : below(256);
  }
  if (below(6) === 0) {
    bytes = bytes.slice(0, below(bytes.length + 1));
    // The header says the new length, so that the options are read up to the cut.
    if (bytes.length >= 54 && below(2) === 0) bytes.set([0, bytes.length - 54], 18);
  }
  return bytes;
}

it(
  `${INPUTS} inputs with seed ${SEED}`,
  () => {
    const random = seededRandom(SEED);
    let table: RouterTable = NO_ROUTERS;
    const decoded = { ndp: 0, report: 0, refused: 0 };
    for (let count = 0; count < INPUTS; count += 1) {
      const bytes = input(random);
      const where = (): string =>
        `input ${count} of seed ${SEED}: ${Buffer.from(bytes).toString('hex')}`;
      try {
        const frame = valueOf(() => decodeNdpFrame(bytes, options));
        const report = valueOf(() => decodeListenerReport(bytes, options));
        decoded.ndp += frame === undefined ? 0 : 1;
        decoded.report += report === undefined ? 0 : 1;
        decoded.refused += frame === undefined && report === undefined ? 1 : 0;
        // The rest costs more, so it is done for a part.
        if (count % 50 !== 0 && INPUTS > 100_000) continue;
        if (frame !== undefined) {
          const again = decodeNdpFrame(encodeNdpFrame(frame), { checksumReady: true });
          expect(again, where()).toEqual(frame);
          if (frame.message.type !== 'router-advertisement') continue;
          const heard = { ...frame, message: frame.message };
          table = hearRouter(table, heard, count * 100).table;
          expect(table.length).toBeLessThanOrEqual(8);
          for (const router of table) encodeNdpFrame(replayOf(router, count * 100));
          chooseSlaacAddress(table, ip6('::1'), count * 100);
        }
        if (report !== undefined) {
          const again = decodeListenerReport(encodeListenerReport(report), { checksumReady: true });
          expect(again, where()).toEqual(report);
        }
      } catch (error) {
        throw new Error(where(), { cause: error });
      }
    }
    // Inputs that a decoder refuses at once would prove nothing.
    expect(decoded.ndp).toBeGreaterThan(INPUTS / 5);
    expect(decoded.report).toBeGreaterThan(INPUTS / 50);
    expect(decoded.refused).toBeGreaterThan(INPUTS / 20);
  },
  60_000 + INPUTS,
);
