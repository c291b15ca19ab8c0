import { expect, it } from 'vitest';
import { found, keepSame, rowOf, sorted, type Lease } from '../../../web/model/leases.ts';
import { leaseEntry } from '../../support/fakes/lease-entries.ts';

const NOW = Date.parse('2026-11-28T03:00:00Z');
const rows = (...leases: Lease[]) => leases.map((lease) => rowOf(lease, NOW));
const box = (name: string, parts: Partial<Lease> = {}) => leaseEntry({ name, ...parts });
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);

it('numbers in names count as numbers, and lost leases come first in both directions', () => {
  const lost = box('z', { state: 'no lease', address: undefined });
  const all = rows(box('web-10'), box('web-9'), lost, box('a', { state: 'held' }));
  expect(names(sorted(all, { by: 'name', isDown: false }))).toEqual(['z', 'web-9', 'web-10', 'a']);
  expect(names(sorted(all, { by: 'name', isDown: true }))).toEqual(['z', 'web-10', 'web-9', 'a']);
});

it('the beginning of an endpoint is found, and not its middle', () => {
  const all = rows(box('one', { endpoint: `abcd5000${'0'.repeat(56)}` }));
  expect(found(all, 'abcd', undefined)).toHaveLength(1);
  expect(found(all, '5000', undefined)).toHaveLength(0);
});

it('without a name a lease has the beginning of its endpoint, and the host is the host', () => {
  const none = leaseEntry({ endpoint: 'f'.repeat(64) });
  expect(names(rows(none, leaseEntry({ holder: 'host', endpoint: 'host' })))).toEqual([
    ...['f'.repeat(12), 'the host'],
  ]);
});

it('a lease that did not change is the same object as before', () => {
  const before = [box('one'), box('two')];
  const after = keepSame(before, [box('one'), box('two', { state: 'renewing' })]);
  expect(after[0]).toBe(before[0]);
  expect(after[1]).not.toBe(before[1]);
});
