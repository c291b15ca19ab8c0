import { afterEach, beforeEach, expect, test } from 'vitest';

import { readHostSubnets } from '../../../plugin/net/host-subnets.ts';
import { addParent, enterSandbox, ip } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;

beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
});

afterEach(() => {
  sandbox.dispose();
});

const routes = async () =>
  (await readHostSubnets()).filter(({ what }) => what.startsWith('the route'));

test('routes on a link are told, those by a router and other tables are not', async () => {
  expect(await routes()).toEqual([]);
  ip('addr add 10.1.2.3/24 dev eth1');
  ip('route add 192.168.9.9 dev port1');
  ip('route add 10.8.0.0/16 via 10.1.2.1');
  ip('route add default dev eth1');
  ip('route add 10.7.0.0/16 dev eth1 table 7');
  expect(await routes()).toEqual([
    {
      destination: '10.1.2.0',
      prefixLength: 24,
      what: 'the route 10.1.2.0/24 of eth1',
      link: 'eth1',
    },
    {
      destination: '192.168.9.9',
      prefixLength: 32,
      what: 'the route 192.168.9.9/32 of port1',
      link: 'port1',
    },
  ]);
});

test('a route of a link without carrier counts', async () => {
  ip('addr add 10.1.2.3/24 dev eth1');
  ip('link set dev port1 down');
  expect(await routes()).toMatchObject([{ destination: '10.1.2.0', prefixLength: 24 }]);
});
