// Golden bytes: what radvd, dnsmasq and Linux send. The expected values are their settings.
import { describe, expect, it } from 'vitest';
import { decodeNdpFrame, encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { decodeListenerReport, encodeListenerReport } from '../../../plugin/ndp/listener-report.ts';
import { duplicateAddressProbe, routerSolicitation } from '../../../plugin/ndp/packets.ts';
import { IPV6_ANY, linkLocalOf, solicitedNodeOf } from '../../../plugin/wire/address6.ts';
import { readFixture } from '../../fixtures/read-fixture.ts';
import { CLIENT_MAC } from '../../support/frames/messages.ts';

const ready = { checksumReady: true };
const linkLocal = linkLocalOf(CLIENT_MAC);
const router = { sourceMac: 'b2:94:9c:b6:3a:cc', source: 'fe80::b094:9cff:feb6:3acc' };
const common = {
  type: 'router-advertisement',
  isManaged: true,
  hasOtherConfig: true,
  preference: 'medium',
  otherFlags: 0,
  reachableTime: 0,
  retransTimer: 0,
};
const subnet = { network: '2001:db8:500::', prefixLength: 64 };
const prefix = { type: 'prefix', subnet, isOnLink: true, otherFlags: 0 };

describe('an RA', () => {
  it('of radvd, with route information', () => {
    expect(decodeNdpFrame(readFixture('ra-radvd-managed-rio'), ready)).toEqual({
      ...router,
      destinationMac: '02:00:00:00:05:01',
      destination: 'fe80::ff:fe00:501',
      message: {
        ...common,
        hopLimit: 64,
        routerLifetime: 30,
        options: [
          { ...prefix, isAutonomous: true, validLifetime: 3600, preferredLifetime: 1800 },
          {
            type: 'route',
            subnet: { network: '2001:db8:99::', prefixLength: 48 },
            preference: 'medium',
            lifetime: 1800,
          },
          { type: 'rdnss', servers: ['2001:db8:500::1'], lifetime: 10 },
          { type: 'dnssl', names: ['lab.example'], lifetime: 10 },
          { type: 'source-link-layer', mac: router.sourceMac },
        ],
      },
    });
  });

  it('of dnsmasq, without addresses', () => {
    expect(decodeNdpFrame(readFixture('ra-dnsmasq-stateful'), ready)).toMatchObject({
      ...router,
      message: {
        ...common,
        routerLifetime: 1800,
        options: [
          { ...prefix, isAutonomous: false, validLifetime: 3600, preferredLifetime: 3600 },
          { type: 'mtu', mtu: 1500 },
          { type: 'source-link-layer', mac: router.sourceMac },
          { type: 'dnssl', names: ['lab.example'], lifetime: 3600 },
          { type: 'rdnss', servers: ['2001:db8:500::1'], lifetime: 3600 },
        ],
      },
    });
  });
});

/** The flow label is 0 in what we send. radvd and dnsmasq let the kernel draw one. */
function unlabelled(frame: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(frame);
  copy.set([0x60, 0, 0, 0], 14);
  return copy;
}

it.each([
  'ra-radvd-managed-rio',
  'ra-dnsmasq-stateful',
  'linux-router-solicitation',
  'linux-duplicate-probe',
])('%s is encoded as it was, octet by octet', (name) => {
  const bytes = readFixture(name);
  expect(encodeNdpFrame(decodeNdpFrame(bytes, ready))).toEqual(unlabelled(bytes));
});

describe('we send what Linux sends', () => {
  it('as Router Solicitation', () => {
    const sent = encodeNdpFrame(routerSolicitation(CLIENT_MAC));
    expect(sent).toEqual(readFixture('linux-router-solicitation'));
  });

  it('as probe for a duplicate address, without the nonce', () => {
    const theirs = decodeNdpFrame(readFixture('linux-duplicate-probe'), ready);
    expect(theirs.message.options).toMatchObject([{ type: 'unknown', code: 14 }]);
    const message = { ...theirs.message, options: [] };
    expect(duplicateAddressProbe(CLIENT_MAC, linkLocal)).toEqual({ ...theirs, message });
  });

  it.each([
    ['linux-listener-report', linkLocal],
    ['linux-listener-report-tentative', IPV6_ANY],
  ])('as MLDv2 report: %s', (name, source) => {
    const report = { sourceMac: CLIENT_MAC, source, groups: [solicitedNodeOf(linkLocal)] };
    expect(encodeListenerReport(report)).toEqual(readFixture(name));
    expect(decodeListenerReport(readFixture(name), ready)).toEqual(report);
  });
});
