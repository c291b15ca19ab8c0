import { beforeEach, describe, expect, it } from 'vitest';
import type {
  AddressRecord,
  EndpointRecord,
  HeldRecord,
} from '../../../plugin/state/lease-records.ts';
import { Registry } from '../../../plugin/state/registry.ts';
import type { Mac } from '../../../plugin/wire/address.ts';
import { FakeStore } from '../../support/fakes/fake-store.ts';

let store: FakeStore;
let registry: Registry;
beforeEach(() => {
  store = new FakeStore();
  registry = new Registry(store);
});

/** A record with only the fields that the registry reads. */
const endpoint = (id: string, mtu = 1500) => ({ id, leaseId: `l-${id}`, mtu }) as EndpointRecord;
const address = (id: string, mtu = 1500) => ({ id, mtu }) as AddressRecord;
const onDisk = () => [...store.endpoints, ...store.addresses].map(({ id, mtu }) => [id, mtu]);
const inMemory = () =>
  [...registry.endpoints(), ...registry.addresses()].map(({ id, mtu }) => [id, mtu]);

it('holds nothing that could not be written', async () => {
  store.failing.add('save networks').add('save leases');
  await expect(registry.addNetwork({ id: 'n' } as never)).rejects.toThrow();
  await expect(registry.addEndpoint(endpoint('e'))).rejects.toThrow();
  expect([registry.networks(), registry.endpoints()]).toEqual([[], []]);
});

it('lists are as new as the last change', async () => {
  await registry.addEndpoint(endpoint('e'));
  expect(registry.endpoints().map(({ id }) => id)).toEqual(['e']);
  await registry.addEndpoint(endpoint('f'));
  expect(registry.endpoints().map(({ id }) => id)).toEqual(['e', 'f']);
  await registry.removeEndpoint('e');
  expect(registry.endpoints().map(({ id }) => id)).toEqual(['f']);
  expect(registry.holders()).toHaveLength(1);
});

it('endpoints are found by their link and their MAC, as these are after the last change', async () => {
  const mac = '02:00:00:00:00:01' as Mac;
  const one = { ...endpoint('e'), hostEnd: 'vdhE', mac };
  await registry.addEndpoint(one);
  await registry.addEndpoint({ ...endpoint('f'), hostEnd: undefined, mac });
  const found = () => [
    registry.findEndpointOn('vdhE')?.id,
    registry.findEndpointOn('vdhX')?.id,
    registry.endpointsWithMac(mac).map(({ id }) => id),
  ];
  expect(found()).toEqual(['e', undefined, ['e', 'f']]);
  await registry.keepEndpoint({ ...one, hostEnd: 'vdhX' });
  expect(found()).toEqual([undefined, 'e', ['f', 'e']]);
  await registry.removeEndpoint('e');
  expect(found()).toEqual([undefined, undefined, ['f']]);
});

describe('while a record is being written', () => {
  it('it is removed: it stays removed, in memory and on disk', async () => {
    const added = registry.addAddress(address('a'));
    await registry.removeAddress('a');
    await added;
    expect([inMemory(), onDisk()]).toEqual([[], []]);
  });

  it('something newer is found to be true of it: that stays', async () => {
    await registry.addEndpoint(endpoint('e', 1));
    const added = registry.addEndpoint(endpoint('e', 2));
    await registry.keepEndpoint(endpoint('e', 3));
    await added;
    expect([inMemory(), onDisk()]).toEqual([[['e', 3]], [['e', 3]]]);
  });

  it('another of the same id does not matter to it', async () => {
    const added = registry.addAddress(address('x'));
    await registry.removeEndpoint('x');
    await added;
    expect(inMemory()).toEqual([['x', 1500]]);
  });
});

it('a lease changes hands by one write, and who had it has it no more', async () => {
  await registry.addAddress(address('a'));
  await registry.addEndpoint({ ...endpoint('e'), leaseId: 'a' });
  expect([registry.addresses(), inMemory(), onDisk()]).toEqual([[], [['e', 1500]], [['e', 1500]]]);
  expect(registry.findEndpointOf('a')?.id).toBe('e');
  await registry.hold({ id: 'a', lease: {} } as HeldRecord);
  expect([inMemory(), registry.held().length, registry.findEndpointOf('a')]).toEqual([
    [],
    1,
    undefined,
  ]);
  await registry.removeEndpoint('e');
  await registry.removeAddress('a');
  expect(await registry.keepEndpoint({ ...endpoint('e'), leaseId: 'a' })).toBeUndefined();
  expect(store.held).toHaveLength(1);
});

it('a lease that is put back is what it was; one that was none is gone', async () => {
  await registry.addAddress(address('a'));
  const before = registry.findLease('a');
  await registry.addEndpoint({ ...endpoint('e'), leaseId: 'a' });
  await registry.putBack('a', before);
  expect(inMemory()).toEqual([['a', 1500]]);
  await registry.putBack('a', undefined);
  expect([inMemory(), onDisk()]).toEqual([[], []]);
});

describe.each([
  ['endpoints', (mtu: number) => registry.keepEndpoint(endpoint('one', mtu))],
  ['addresses', (mtu: number) => registry.keepAddress(address('one', mtu))],
] as const)('what is true of %s, and cannot be written', (kind, keep) => {
  beforeEach(async () => {
    if (kind === 'endpoints') await registry.addEndpoint(endpoint('one'));
    else await registry.addAddress(address('one'));
    store.failing.add('save leases');
  });

  it('is told once, and true in memory', async () => {
    expect(await keep(1)).toBeInstanceOf(Error);
    expect(await keep(2)).toBeUndefined();
    expect([inMemory(), onDisk()]).toEqual([[['one', 2]], [['one', 1500]]]);
  });

  it('is written with the next change of anything', async () => {
    await keep(1);
    store.failing.clear();
    await registry.addPool({ id: 'p' } as never);
    expect(onDisk()).toEqual([['one', 1]]);
    store.failing.add('save leases');
    expect(await keep(2)).toBeInstanceOf(Error); // another problem
  });

  it('is not written any more once it is removed', async () => {
    await keep(1);
    await (kind === 'endpoints' ? registry.removeEndpoint('one') : registry.removeAddress('one'));
    store.failing.clear();
    await registry.addPool({ id: 'p' } as never);
    expect([inMemory(), onDisk()]).toEqual([[], []]);
  });

  it('of one that went there is nothing to keep', async () => {
    store.failing.clear();
    await (kind === 'endpoints' ? registry.removeEndpoint('one') : registry.removeAddress('one'));
    expect(await keep(1)).toBeUndefined();
    expect([inMemory(), onDisk()]).toEqual([[], []]);
  });
});
