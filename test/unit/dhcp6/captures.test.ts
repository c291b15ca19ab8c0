// Golden bytes: what dnsmasq, Kea and ISC dhcpd send. The expected values are their settings.
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../../../plugin/dhcp6/frame.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';

const ready = { checksumReady: true };
const SERVER_DUID = (time: string) => `00:01:00:01:32:9c:db:${time}:b2:94:9c:b6:3a:cc`;
const clientId = (tail: string) => ({ type: 'client-id', duid: `00:03:00:01:02:00:00:00:${tail}` });
const serverId = (time: string) => ({ type: 'server-id', duid: SERVER_DUID(time) });
const dns = { type: 'dns-servers', servers: ['2001:db8:500::1'] };
const search = { type: 'domain-list', names: ['lab.example'] };
const success = { type: 'status', status: 0, text: 'success' };
const address = (host: string, preferredLifetime: number, validLifetime: number) => ({
  ...{ type: 'ia-address', address: `2001:db8:500::${host}` },
  ...{ preferredLifetime, validLifetime, options: [] },
});
const ia = (t1: number, t2: number, ...options: object[]) => ({
  ...{ type: 'ia-na', iaid: 1, t1, t2, options },
});

const CAPTURES = {
  'advertise-dnsmasq': {
    type: 'ADVERTISE',
    options: [
      clientId('05:01'),
      serverId('1f'),
      ia(1800, 3150, address('1bf', 3600, 3600)),
      success,
      { type: 'preference', value: 255 },
      search,
      dns,
    ],
  },
  'advertise-kea': {
    type: 'ADVERTISE',
    options: [
      clientId('05:01'),
      serverId('32'),
      ia(900, 1440, address('100', 1800, 3600)),
      dns,
      search,
    ],
  },
  'advertise-no-addrs-kea': {
    type: 'ADVERTISE',
    options: [
      clientId('cc:cc'),
      serverId('32'),
      ia(0, 0, {
        type: 'status',
        status: 2,
        text: 'Sorry, no address could be allocated.',
      }),
      dns,
      search,
    ],
  },
  'advertise-three-addresses-dnsmasq': {
    type: 'ADVERTISE',
    options: [
      clientId('de:ad'),
      serverId('1f'),
      {
        ...ia(
          1800,
          3150,
          address('150', 3600, 3600),
          address('1ac', 3600, 3600),
          address('1ab', 3600, 3600),
        ),
        iaid: 7,
      },
      success,
      { type: 'preference', value: 255 },
      search,
      dns,
    ],
  },
  'reply-confirm-not-on-link-dnsmasq': {
    type: 'REPLY',
    options: [
      clientId('05:01'),
      serverId('1f'),
      { type: 'status', status: 4, text: 'confirm failed' },
    ],
  },
  'reply-information-dnsmasq': {
    type: 'REPLY',
    options: [
      clientId('05:01'),
      serverId('1f'),
      search,
      dns,
      { type: 'refresh-time', value: 3600 },
    ],
  },
  'reply-isc': {
    type: 'REPLY',
    options: [
      ia(900, 1440, address('10b', 1800, 3600)),
      clientId('05:01'),
      serverId('36'),
      dns,
      search,
    ],
  },
  'reply-rapid-commit-dnsmasq': {
    type: 'REPLY',
    options: [
      clientId('be:ef'),
      serverId('1f'),
      { type: 'rapid-commit' },
      ia(1800, 3150, address('134', 3600, 3600)),
      success,
      { type: 'preference', value: 255 },
      search,
      dns,
    ],
  },
  'reply-rebind-replaced-kea': {
    type: 'REPLY',
    options: [
      clientId('05:01'),
      serverId('32'),
      ia(900, 1440, address('100', 1800, 3600), address('1f0', 0, 0)),
      dns,
      search,
    ],
  },
  'reply-renew-no-binding-dnsmasq': {
    type: 'REPLY',
    options: [
      clientId('fe:ed'),
      serverId('1f'),
      ia(0, 0, { type: 'status', status: 3, text: 'no binding found' }),
      search,
      dns,
    ],
  },
} as const;

/** Traffic class and flow label are 0 in what we send. The servers let the kernel choose. */
function unlabelled(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy.set([0x60, 0, 0, 0], 14);
  return copy;
}

describe.each(Object.entries(CAPTURES))('%s', (name, message) => {
  it('says what its server was set to', () => {
    expect(decodeFrame(readFixture(name), ready)).toMatchObject({
      sourceMac: 'b2:94:9c:b6:3a:cc',
      destinationMac: '02:00:00:00:05:01',
      source: 'fe80::b094:9cff:feb6:3acc',
      destination: 'fe80::ff:fe00:501',
      message,
    });
  });

  it('is encoded as it was, octet by octet', () => {
    const bytes = readFixture(name);
    expect(encodeFrame(decodeFrame(bytes, ready))).toEqual(unlabelled(bytes));
  });
});
