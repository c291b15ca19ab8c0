/** Options of a container that its network cannot fulfil. */
import { expect, it } from 'vitest';
import { refuseLateWishes, refuseOtherFamily } from '../../../plugin/options/endpoint-fit.ts';
import { parseEndpointOptions } from '../../../plugin/options/endpoint-options.ts';
import { parseNetworkOptions } from '../../../plugin/options/options.ts';
import { ip, mac } from '../../support/frames/messages.ts';

const ALONE = { ipv4: 'off', ipv6: 'auto' };

function refusal(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

const check = (typed: Record<string, string>, network: Record<string, string>) =>
  refusal(() =>
    refuseOtherFamily(
      parseEndpointOptions(typed),
      parseNetworkOptions({ parent: 'eth1', ...network }),
    ),
  );

it.each([
  [{ token: '::53' }, { ipv6: 'auto' }],
  [{ token: '::53' }, { ipv6: 'slaac' }],
  [{ ip6: '2001:db8:500::142' }, { ipv6: 'auto' }],
  [{ ip6: '2001:db8:500::142' }, { ipv6: 'dhcp' }],
  [{ ip: '10.50.0.9', hostname: 'pbx' }, { ipv6: 'auto' }],
  [{ id: 'pbx', token: '::53', ip6: '2001:db8:500::142' }, ALONE],
])('%j fits %j', (typed, network) => {
  expect(check(typed, network)).toBeUndefined();
});

it.each<[Record<string, string>, Record<string, string>, string]>([
  [
    { token: '::53' },
    {},
    'driver-opt token=::53 is for an address of a prefix, and this network has ipv6=off; leave it out, or create the network with ipv6=slaac',
  ],
  [
    { token: '::53' },
    { ipv6: 'dhcp' },
    'driver-opt token=::53 is for an address of a prefix, and this network has ipv6=dhcp; leave it out, or create the network with ipv6=slaac',
  ],
  [
    { ip6: '2001:db8:500::142' },
    { ipv6: 'slaac' },
    'driver-opt ip6=2001:db8:500::142 is for an address of a DHCPv6 server, and this network has ipv6=slaac; leave it out, or create the network with ipv6=dhcp',
  ],
  [
    { ip: '10.50.0.9', hostname: 'pbx' },
    ALONE,
    'driver-opt ip=10.50.0.9 and driver-opt hostname=pbx would be told to a DHCPv4 server, and this network has ipv4=off; leave it out',
  ],
])('%j on a network with %j is refused in one sentence', (typed, network, sentence) => {
  expect(check(typed, network)).toBe(sentence);
});

it.each(['53', '::', '2001:db8::53', '::1:2:3:4:5', '::g', ''])('token=%j is none', (token) => {
  expect(refusal(() => parseEndpointOptions({ token }))).toMatch(
    / is not an interface identifier of 64 bits such as ::53$/,
  );
});

it.each(['::', '::1', 'fe80::1', 'ff02::1', '10.50.0.9', '2001:db8::/64', 'x'])(
  'ip6=%j is no address of a host',
  (ip6) => {
    expect(refusal(() => parseEndpointOptions({ ip6 }))).toMatch(
      / is not an IPv6 address that a server can give to a host$/,
    );
  },
);

it('with our IPAM token= and ip6= come too late', () => {
  const options = parseEndpointOptions({ token: '::53', ip6: '2001:db8::5' });
  const leased = { mac: mac('02:00:00:00:00:c1'), address: ip('10.50.0.9') };
  expect(refusal(() => refuseLateWishes(options, leased))).toBe(
    'with --ipam-driver vlandhcp the address is leased before driver options are known; driver-opt token=::53: leave it out; driver-opt ip6=2001:db8::5: leave it out; or use --ipam-driver null',
  );
});
