/**
 * What a container at `guard=full` can do to others by IPv6. `test.fails` marks what the code does
 * not hold yet: such a test turns red once it does, and `.fails` is to go.
 */
import { expect, test } from 'vitest';
import { clientFrame, encodeFrame } from '../../../../plugin/dhcp6/frame.ts';
import { encodeNdpFrame } from '../../../../plugin/ndp/frame.ts';
import { duplicateAddressProbe } from '../../../../plugin/ndp/packets.ts';
import { portProgram } from '../../../../plugin/net/guard/programs.ts';
import type { PortRules } from '../../../../plugin/vocabulary/port-rules.ts';
import { linkLocalOf, parseIpv6 } from '../../../../plugin/wire/address6.ts';
import { runBpf } from '../../../support/lan/bpf-interpreter.ts';
import { MAC, OWN } from '../../../support/frames/guard-frames.ts';
import { reply6 } from '../../../support/frames/messages6.ts';

const FULL: PortRules = {
  ...{ mode: 'full', mac: MAC, addresses: [], leases: false, noServer: false },
  addresses6: [parseIpv6('2001:db8:500::123')!],
};
const passes = (frame: Uint8Array, rules = FULL) => runBpf(portProgram(rules, OWN), frame) === 0;
const probe = (target: string) => encodeNdpFrame(duplicateAddressProbe(MAC, parseIpv6(target)!));

test('it may ask who has its own address', () => {
  expect(passes(probe('2001:db8:500::123'))).toBe(true);
  expect(passes(probe(linkLocalOf(MAC)))).toBe(true);
});

// RFC 4862 §5.4.3: who asks at the same time has the address as much as we. Two such frames keep
// another container from its addresses.
test("it may not ask for another's address as if it wanted it", () => {
  expect(passes(probe('2001:db8:500::124'))).toBe(false);
});

// A server believes the DUID and the IAID, which are made of the other's MAC. dnsmasq ends the
// lease, and gives the address to the next that asks. Requests of DHCPv4 do not pass either.
test.each(['mac', 'full'] as const)('guard=%s: it may not give back leases', (mode) => {
  const release = encodeFrame(clientFrame(MAC, reply6('RELEASE', 7)));
  expect(passes(release, { ...FULL, mode })).toBe(false);
});
