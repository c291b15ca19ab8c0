/**
 * What the doctor says of tables of nftables. test/kernel/firewall/doctor-firewall.test.ts
 * compares it with what a kernel does. Here is what no kernel shows: a circle of chains, a set
 * that was not read.
 */
import { expect, it } from 'vitest';
import { judgeForwarding, type BridgeFact } from '../../../plugin/doctor/forwarding.ts';
import type {
  Expression,
  ForwardChain,
  Forwarding,
  Verdict,
} from '../../../plugin/vocabulary/firewall/forward-chains.ts';

const BR500: BridgeFact = {
  ...{ name: 'br500', ports: ['eth1.500', 'vdh1'], families: ['IPv4', 'IPv6'] },
  indexes: new Map(),
};
const does = (verdict: Verdict): Expression => ({ type: 'verdict', verdict });
const DROP = does({ type: 'drop' });
const ACCEPT = does({ type: 'accept' });
const TEST: Expression = { type: 'test' };
const NAME: Expression = { type: 'load', key: 'input-name', register: 0 };
const lookup = (parts: Partial<Extract<Expression, { type: 'lookup' }>>): Expression => ({
  ...{ type: 'lookup', register: 0, isInverted: false, isVerdict: false, elements: undefined },
  ...parts,
});
const bytes = (name: string) => new Uint8Array(16).map((_, at) => name.charCodeAt(at) || 0);
const jump = (chain: string) => does({ type: 'jump', chain });

function chain(
  policy: ForwardChain['policy'],
  rules: readonly (readonly Expression[])[],
  name = 'passing',
): ForwardChain {
  const numbered = rules.map((expressions, at) => ({ handle: at + 1, expressions }));
  return { family: 'inet', table: 'site', name, policy, rules: numbered };
}

function said(chains: readonly ForwardChain[], passesIp: Partial<Forwarding['passesIp']> = {}) {
  const forwarding = { chains, passesIp: { ipv4: true, ipv6: true, ...passesIp } };
  const findings = judgeForwarding({ forwarding, bridges: [BR500] });
  return findings.map(({ level, text }) => `${level} ${text}`);
}

const OK = ['ok no table of nftables for bridges and IPv4 and IPv6 drops frames between the ports of a bridge']; // prettier-ignore
const POLICY = 'nftables drops IPv4 and IPv6 frames between the ports of br500: the policy drop of chain passing in table inet site'; // prettier-ignore

it.each<[string, readonly ForwardChain[], readonly string[]]>([
  ['no table at all', [], OK],
  ['a chain that no hook calls', [chain(undefined, [[DROP]])], OK],
  ['a rule that only counts', [chain('drop', [[TEST]])], [`fail ${POLICY}`]],
  ['a rule for some frames that drops', [chain('accept', [[TEST, DROP]])], OK],
  [
    'a rule for some frames that accepts',
    [chain('drop', [[TEST, ACCEPT]])],
    [`warn ${POLICY}, apart from what a rule before accepts`],
  ],
  [
    'some frames go to a chain that accepts nothing',
    [chain('drop', [[TEST, jump('other')]]), chain(undefined, [[DROP]], 'other')],
    [`fail ${POLICY}`],
  ],
  [
    'some frames go to a chain that accepts',
    [chain('drop', [[TEST, jump('other')]]), chain(undefined, [[ACCEPT]], 'other')],
    [`warn ${POLICY}, apart from what a rule before accepts`],
  ],
  ['a set that was not read', [chain('accept', [[NAME, lookup({}), DROP]])], OK],
  [
    'a map that was not read',
    [chain('drop', [[NAME, lookup({ isVerdict: true })]])],
    [`warn ${POLICY}, apart from what a rule before accepts`],
  ],
  [
    'a map without the bridge',
    [chain('drop', [[NAME, lookup({ isVerdict: true, elements: [] })]])],
    [`fail ${POLICY}`],
  ],
  [
    'a map with the bridge',
    [chain('drop', [[NAME, lookup({ isVerdict: true, elements: [{ key: bytes('br500'), verdict: { type: 'accept' } }] })]])], // prettier-ignore
    OK,
  ],
  ['a circle of chains', [chain('accept', [[jump('passing')]])], OK],
  ['a chain that is missing', [chain('accept', [[jump('gone')]])], OK],
  [
    'a goto does not come back',
    [chain('accept', [[does({ type: 'goto', chain: 'other' })], [DROP]]), chain(undefined, [], 'other')], // prettier-ignore
    OK,
  ],
])('%s', (_, chains, expected) => expect(said(chains)).toEqual(expected));

it('only what bridged frames pass counts', () => {
  const closed = [chain('drop', [])];
  expect(said(closed, { ipv6: false })).toEqual([`fail ${POLICY.replace(' and IPv6', '')}`]);
  expect(said(closed, { ipv4: false, ipv6: false })).toEqual([
    'ok no table of nftables for bridges drops frames between the ports of a bridge',
  ]);
});

it('what mends it is a rule at the beginning of that chain, and the words of firewalld for firewalld', () => {
  const mends = (table: string) => {
    const forwarding = { chains: [{ ...chain('drop', []), table }], passesIp: { ipv4: true, ipv6: true } }; // prettier-ignore
    return judgeForwarding({ forwarding, bridges: [BR500] }).map(({ mend }) => mend);
  };
  expect(mends('site')).toEqual([
    'nft insert rule inet site passing iifname br500 oifname br500 accept; and put the same rule into the file of that firewall',
  ]);
  expect(mends('firewalld')).toEqual([
    'firewall-cmd --permanent --zone=public --add-interface=br500 && firewall-cmd --permanent --zone=public --add-forward && firewall-cmd --reload',
  ]);
});

it('without a bridge there is nothing to say', () => {
  expect(judgeForwarding({ forwarding: 'EPERM', bridges: [] })).toEqual([]);
});
