import { describe, expect, it } from 'vitest';
import { OPTION } from '../../../plugin/dhcp4/options.ts';
import { changedTerms } from '../../../plugin/pools/foreign-terms.ts';
import { DriverRig, refusal } from '../../support/fakes/driver-rig.ts';
import { ip, type ReplyParts } from '../../support/frames/messages.ts';

const TERMS = { address: ip('192.0.2.50'), prefixLength: 24, gateway: ip('192.0.2.1'), mtu: 1500 };
const GIVEN = {
  subnet: { network: ip('192.0.2.0'), prefixLength: 24 },
  gateway: { address: ip('192.0.2.1'), from: 'server' },
  link: 'eth1.500',
} as const;
const OTHER = ip('192.0.2.254');

const told = (...parts: Parameters<typeof changedTerms>) =>
  changedTerms(...parts).map(({ level, fields, message }) => [
    level,
    message.split(';')[0],
    fields,
  ]);

describe('what the server changed, to a container that Docker configured', () => {
  it('nothing: nothing is told', () => {
    expect(changedTerms(TERMS, { ...TERMS }, GIVEN)).toEqual([]);
  });

  it('another router: the container keeps its gateway, and a restart does not change that', () => {
    expect(changedTerms(TERMS, { ...TERMS, gateway: OTHER }, GIVEN)).toEqual([
      {
        level: 'warn',
        message:
          'the server names another router; the container keeps the gateway of its network, also after a restart; if that gateway is gone, make the network again with the new router',
        fields: { router: '192.0.2.254', before: '192.0.2.1', gateway: '192.0.2.1' },
      },
    ]);
  });

  it('no router any more: the same', () => {
    const fields = { router: 'none', before: '192.0.2.1', gateway: '192.0.2.1' };
    expect(told(TERMS, { ...TERMS, gateway: undefined }, GIVEN)).toEqual([
      ['warn', 'the server names another router', fields],
    ]);
  });

  it('the router that the container has: nothing to do', () => {
    expect(told({ ...TERMS, gateway: OTHER }, TERMS, GIVEN)).toMatchObject([
      ['info', 'the server names the router again that the container has', {}],
    ]);
  });

  it('what the container has is not known: an operator looks', () => {
    const given = { ...GIVEN, gateway: { ...GIVEN.gateway, from: 'unknown' } } as const;
    expect(told({ ...TERMS, gateway: OTHER }, TERMS, given)).toMatchObject([
      ['warn', 'the server names another router', { gateway: 'not known' }],
    ]);
  });

  it('another mask, and back', () => {
    const half = { ...TERMS, prefixLength: 25 };
    expect(told(TERMS, half, GIVEN)).toEqual([
      [
        'warn',
        'the server has another subnet mask',
        { served: '192.0.2.0/25', subnet: '192.0.2.0/24' },
      ],
    ]);
    expect(told(half, TERMS, GIVEN)).toMatchObject([
      ['info', 'the server has the subnet mask again that the container has', {}],
    ]);
  });

  it.each([
    [1500, 1400, 'warn', 'the server names a smaller MTU, which Docker does not apply'],
    [undefined, 1400, 'warn', 'the server names a smaller MTU, which Docker does not apply'],
    [1400, 1500, 'info', 'the server names a larger MTU'],
    [1400, undefined, 'info', 'the server names a larger MTU'],
  ])('MTU %s to %s: %s', (before, mtu, level, message) => {
    const notices = told({ ...TERMS, mtu: before }, { ...TERMS, mtu }, GIVEN);
    const fields = { mtu: mtu ?? 1500, before: before ?? 1500, link: 'eth1.500' };
    expect(notices).toEqual([[level, message, fields]]);
  });

  it('a lease again after a time without: what Docker gave counts', () => {
    expect(changedTerms(undefined, TERMS, GIVEN)).toEqual([]);
    expect(changedTerms(undefined, { ...TERMS, gateway: undefined }, GIVEN)).toEqual([]);
    const other = { ...TERMS, gateway: OTHER, prefixLength: 25, mtu: 1400 };
    expect(told(undefined, other, GIVEN)).toMatchObject([
      ['warn', 'the server names another router', {}],
      ['warn', 'the server has another subnet mask', {}],
    ]);
  });
});

describe.each([
  ['--subnet without --gateway', { pool: '192.0.2.0/24' }],
  ['the server says the subnet', {}],
])('%s', (_title, pool) => {
  const T1 = 1_950_000;
  const router = (last: number) => [OPTION.ROUTER, Uint8Array.of(192, 0, 2, last)] as const;
  const dns = [OPTION.DOMAIN_NAME_SERVER, Uint8Array.of(192, 0, 2, 9)] as const;

  async function running(parts: ReplyParts) {
    const rig = new DriverRig({ server: parts });
    const poolId = await rig.createForeignNetwork(pool);
    const address = await rig.requestAddress(poolId);
    const since = rig.log.lines.length;
    const said = () =>
      rig.log.lines
        .slice(since)
        .filter(({ level }) => level !== 'debug')
        .map(({ level, message }) => [level, message.split(';')[0]]);
    const release = () => rig.ipam.releaseAddress(poolId, address.split('/')[0] ?? '');
    return { rig, poolId, address, release, said };
  }

  it('DNS changes: nobody applies it, so it is no change', async () => {
    const parts: { options: NonNullable<ReplyParts['options']> } = { options: [] };
    const { rig, said } = await running(parts);
    parts.options = [dns];
    await rig.clock.pass(T1);
    expect(said()).toEqual([['info', 'lease renewed']]);
    expect(rig.registry.addresses()[0]?.lease?.dnsServers).toEqual(['192.0.2.9']);
    rig.stop();
  });

  it('the router changes: told; a restart of the container is not refused, and changes nothing', async () => {
    const parts: { options: NonNullable<ReplyParts['options']> } = { options: [] };
    const { rig, poolId, address, release, said } = await running(parts);
    parts.options = [router(254)];
    await rig.clock.pass(T1);
    expect(said()).toEqual([
      ['info', 'lease renewed'],
      ['warn', 'the server names another router'],
    ]);
    for (const restart of [() => Promise.resolve(), () => rig.restart()]) {
      await restart();
      await release();
      expect(await rig.requestAddress(poolId)).toBe(address);
      expect(rig.log.lines.filter(({ level }) => level === 'warn').at(-1)).toMatchObject({
        message: 'the server names another router than the one containers are given',
        fields: { router: '192.0.2.254', shown: '192.0.2.1' },
      });
      expect(rig.registry.pools()[0]?.gateway).toEqual({ address: '192.0.2.1', from: 'server' });
    }
    rig.stop();
  });

  it('the mask changes: told, and the next start is refused with what to type', async () => {
    const parts: { options: NonNullable<ReplyParts['options']> } = { options: [] };
    const { rig, poolId, address, release, said } = await running(parts);
    parts.options = [[OPTION.SUBNET_MASK, Uint8Array.of(255, 255, 255, 128)]];
    await rig.clock.pass(T1);
    expect(said().at(-1)).toEqual(['warn', 'the server has another subnet mask']);
    await release();
    expect(await refusal(rig.requestAddress(poolId))).toEqual({
      code: 'WRONG_SUBNET',
      message: `the DHCP server on VLAN 500 of eth1 leased ${address.replace('/24', '/25')}, but the network's subnet is 192.0.2.0/24; create it with --subnet 192.0.2.0/25, or without --subnet`,
    });
    rig.stop();
  });
});
