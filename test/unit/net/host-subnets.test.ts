import { expect, test } from 'vitest';

import { decodeRoutes } from '../../../plugin/net/host-subnets.ts';

test('routes with a destination are told, in words that name their link', () => {
  const routes = [
    { dst: '10.1.2.0/24', dev: 'eth0', protocol: 'kernel', flags: ['linkdown'] },
    { dst: '10.9.9.9', dev: 'wg0' },
    { dst: '10.10.0.0/16', nexthops: [{ dev: 'eth0' }, { dev: 'eth1' }] },
    { dst: 'default', dev: 'ppp0' },
  ];
  expect(decodeRoutes(routes)).toEqual([
    {
      destination: '10.1.2.0',
      prefixLength: 24,
      link: 'eth0',
      what: 'the route 10.1.2.0/24 of eth0',
    },
    {
      destination: '10.9.9.9',
      prefixLength: 32,
      link: 'wg0',
      what: 'the route 10.9.9.9/32 of wg0',
    },
    { destination: '10.10.0.0', prefixLength: 16, link: undefined, what: 'the route 10.10.0.0/16' },
  ]);
});
