// What the lease service is told of a network's options.
import { expect, it } from 'vitest';
import { parseNetworkOptions } from '../../../plugin/options/options.ts';
import { scopeOfNetwork, subjectOf } from '../../../plugin/state/lease-scope.ts';
import { mac } from '../../support/frames/messages.ts';

const subject = (options: Record<string, string>) => {
  const network = {
    ...{ id: 'n'.repeat(64), internal: false, vlanLink: 'eth1.500', uplinkPort: true, mtu: 1500 },
    options: parseNetworkOptions({ parent: 'eth1', vlan: '500', ...options }),
  };
  const record = {
    ...{ id: 'e', mac: mac('02:00:00:00:00:c1'), clientId: '01020000000ac1', hostName: 'pbx' },
    ...{ requestedAddress: undefined, mtu: 1500 },
  };
  return subjectOf(record, scopeOfNetwork(network));
};

it('each option of a site reaches the client', () => {
  const options = {
    ...{ vendor_class: 'PBX', user_class: 'voice', register_dns: 'true', dhcp_deny: '10.0.0.9' },
    ...{ gateway: '10.50.0.254', routes: 'none', request: '66', on_no_server: 'link-local' },
  };
  expect(subject(options)).toMatchObject({
    site: {
      ...{ vendorClass: 'PBX', userClass: 'voice', registersName: true, alsoAsked: [66] },
      ...{ deniedServers: ['10.0.0.9'], terms: { gateway: '10.50.0.254', routes: 'none' } },
    },
    linkLocal: { afterExpiry: true },
  });
  expect(subject({ vendor_class: 'none' }).site?.vendorClass).toBeUndefined();
  expect(subject({ on_no_server: 'link-local', on_expiry: 'keep' }).linkLocal).toEqual({
    afterExpiry: false,
  });
  expect(subject({}).linkLocal).toBeUndefined();
});

it('a DHCPv6 server is told the name only with register_dns', () => {
  expect(subject({ ipv6: 'auto' }).ipv6?.hostName).toBeUndefined();
  expect(subject({ ipv6: 'auto', register_dns: 'true' }).ipv6?.hostName).toBe('pbx');
});
