import { describe, expect, it } from 'vitest';
import { formatPoolId, parsePoolId } from '../../../plugin/pools/pool-id.ts';
import { parseSubnet } from '../../../plugin/wire/subnet.ts';

const ID = '0123456789abcdef';
const subnet = parseSubnet('10.50.0.0/24')!;

describe('a PoolID says what the pool is', () => {
  it.each([
    [{ parent: 'eth1', vlan: '500' }, 'v1:4:eth1:500:10.50.0.0/24:', { parent: 'eth1', vlan: 500 }],
    [{ parent: 'bond0.7' }, 'v1:4:bond0.7:0:10.50.0.0/24:', { parent: 'bond0.7', vlan: undefined }],
    [
      { parent: 'eth1', vlan: '10.500' },
      'v1:4:eth1:10.500:10.50.0.0/24:',
      { parent: 'eth1', vlan: '10.500' },
    ],
    [
      { parent: 'eth1', vlan: '10.500', outer: '802.1q' },
      'v1:4:eth1:10q.500:10.50.0.0/24:',
      { parent: 'eth1', vlan: '10q.500' },
    ],
    [{}, 'v1:4::0:10.50.0.0/24:', { parent: undefined, vlan: undefined }],
    [{ vlan: '4094' }, 'v1:4::4094:10.50.0.0/24:', { parent: undefined, vlan: 4094 }],
  ])('of %j', (given: Record<string, string>, text, identity) => {
    const poolId = formatPoolId({ id: ID, given, subnet });
    expect(poolId).toBe(`${text}${ID}`);
    expect(parsePoolId(poolId)).toEqual({ id: ID, subnet, ...identity });
  });

  it.each([
    '',
    'LocalDefault/10.50.0.0/24',
    `v2:4:eth1:500:10.50.0.0/24:${ID}`,
    `v1:6:eth1:500:10.50.0.0/24:${ID}`,
    `v1:4:eth1:10.5000:10.50.0.0/24:${ID}`,
    `v1:4:eth1:010.500:10.50.0.0/24:${ID}`,
    `v1:4:eth1:10q500:10.50.0.0/24:${ID}`,
    `v1:4:eth1:50000:10.50.0.0/24:${ID}`,
    `v1:4:eth1:500:10.50.0.0/33:${ID}`,
    `v1:4:eth1:500:10.50.0.256/24:${ID}`,
    `v1:4:eth1:500:10.50.0.0/24:${ID}0`,
    `v1:4:eth1:500:10.50.0.0/24:${ID.toUpperCase()}`,
    `v1:4:../x:500:10.50.0.0/24:${ID}`,
    `v1:4:eth1;reboot:500:10.50.0.0/24:${ID}`,
    `v1:4:eth1:500:10.50.0.0/24:${ID}\n`,
  ])('and nothing else is one: %j', (text) => {
    expect(parsePoolId(text)).toBeUndefined();
  });
});
