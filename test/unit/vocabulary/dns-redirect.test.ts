import { expect, test } from 'vitest';
import { redirectsFor } from '../../../plugin/vocabulary/dns-redirect.ts';
import { ip, ip6 } from '../../support/frames/messages.ts';

const A = ip('10.0.0.1');
const B = ip('10.0.0.2');
const C = ip('10.0.0.3');
const X = ip('10.9.0.1');
const Y = ip('10.9.0.2');
const A6 = ip6('fd00::1');
const X6 = ip6('fd09::1');

test.each([
  ['each server by the one at its place', [A, B], [X, Y], { [A]: X, [B]: Y }],
  ['the rest by the last one of the lease', [A, B, C], [X, Y], { [A]: X, [B]: Y, [C]: Y }],
  ['servers of the lease that are left over: not used', [A], [X, Y], { [A]: X }],
  ['the same server at the same place: left alone', [A, B], [A, Y], { [B]: Y }],
  ['the same servers in another order', [A, B], [B, A], { [A]: B, [B]: A }],
  ['a server named twice: by its first place', [A, A], [X, Y], { [A]: X }],
  ['a lease without DNS: nothing', [A, B], [], {}],
  ['each family by itself', [A6, A, B], [X, X6], { [A6]: X6, [A]: X, [B]: X }],
  ['no server of that family: nothing', [A6], [X], {}],
  ['no server of Docker: nothing', [], [X], {}],
])('%s', (_, asked, leased, wanted) => {
  const redirects = redirectsFor(asked, leased).map(({ from, to }) => [from, to]);
  expect(Object.fromEntries(redirects)).toEqual(wanted);
});
