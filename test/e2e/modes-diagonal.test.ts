/**
 * One cell of the table mode × parent × addressing for each mode, on every engine of the lab. All
 * cells are run on engine 28, in modes.test.ts.
 */
import { it } from 'vitest';
import { runCell, withParents } from '../support/modes/mode-cells.ts';
import { recordOutcomes } from '../support/lab/outcomes.ts';
import { site } from '../support/lab/site.ts';

// With ipvlan no container has a MAC of its own, so our IPAM must not require one.
site({
  server: ['dnsmasq-no-ping', '10', '500', '600', 'lan'],
  settings: { IPAM_REQUIRE_MAC: 'false' },
});
recordOutcomes();

it.each([
  ['bridge', 'a trunk', 'plain'],
  ['macvlan', "a VLAN link of the operator's", 'ours'],
  ['ipvlan', 'an untagged card', 'ours'],
] as const)('mode=%s on %s, addresses: %s', (mode, parent, addressing) =>
  withParents(mode, () => runCell(mode, parent, addressing)),
);
