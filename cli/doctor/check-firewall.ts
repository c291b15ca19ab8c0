/**
 * Judges what iptables and ip6tables do to frames from a bridge of a network to itself (pure). The
 * plugin judges the tables of nftables.
 */
import type { Facts, FilterFact, NetworkFact } from './facts.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

export function checkFirewall(facts: Facts): Finding[] {
  const { filters } = facts.host;
  if (filters.length === 0) {
    return [ok('firewall', 'FORWARD', 'bridged frames do not pass iptables')];
  }
  const findings = filters.flatMap((filter) => checkFilter(filter, bridgesOf(facts, filter)));
  if (findings.length > 0) return findings;
  const policies = filters.flatMap(({ program, rules }) =>
    rules === undefined ? [] : [`${policyOf(rules)} in ${program}`],
  );
  const text = `frames from a bridge of a network to itself pass iptables (policy of FORWARD: ${policies.join(', ')})`; // prettier-ignore
  return [ok('firewall', 'FORWARD', text)];
}

/** The bridges of networks with that family, in the order of the networks. */
function bridgesOf({ host: { links }, networks, own }: Facts, { family }: FilterFact): string[] {
  const nameOf = ({ id, bridge }: NetworkFact) =>
    own?.networks.find(({ network }) => network === id)?.bridge ?? bridge;
  const isBridge = (name: string) =>
    links?.some((link) => link.name === name && link.kind === 'bridge') !== false;
  const named = networks.filter(({ families }) => families.includes(family));
  return [...new Set(named.flatMap((network) => nameOf(network) ?? []))].filter(isBridge);
}

function checkFilter({ program, rules }: FilterFact, bridges: readonly string[]): Finding[] {
  if (bridges.length === 0) return [];
  if (rules === undefined) {
    const text = `bridged frames pass ${program} (br_netfilter), and the program ${program} is not in PATH or fails`; // prettier-ignore
    return [warn('firewall', 'FORWARD', text, `${program} -S; install ${program}`)];
  }
  const parsed = rules.flatMap((rule) => parseRule(rule) ?? []);
  const policy = policyOf(rules);
  return bridges.flatMap((bridge) => {
    const walk = new Walk(bridge, parsed);
    const says = walk.verdictOf('FORWARD', 0) ?? {
      target: policy,
      text: `the policy ${policy} of FORWARD`,
    };
    if (says.target === 'ACCEPT') return [];
    const [say, some] = walk.hasExceptions
      ? ([warn, ', apart from what a rule before accepts'] as const)
      : ([fail, ''] as const);
    const text = `${program} drops frames between the ports of ${bridge}: ${says.text}${some}`;
    const mend = `${program} -I FORWARD -i ${bridge} -o ${bridge} -j ACCEPT`;
    return [say('firewall', bridge, text, mend)];
  });
}

function policyOf(rules: readonly string[]): string {
  return /^-P FORWARD (\w+)/m.exec(rules.join('\n'))?.[1] ?? 'ACCEPT';
}

interface Rule {
  readonly chain: string;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly target: string | undefined;
  /** True if only some frames between those links fulfil it. */
  readonly isPartial: boolean;
  readonly text: string;
}

/** Who wrote a rule is no condition, and each frame of a bridge is bridged. */
const NO_CONDITION = / -m comment --comment ("[^"]*"|\S+)| -m physdev --physdev-is-bridged/g;
/** A connection that begins fulfils no such rule. */
const OF_OLD_CONNECTIONS =
  /^-m (conntrack --ct)?state (--state )?(RELATED|ESTABLISHED|INVALID)(,(RELATED|ESTABLISHED))?$/;

/** `-A FORWARD -i br500 -o br500 -j DROP` */
function parseRule(text: string): Rule | undefined {
  const words = text.replace(NO_CONDITION, '').split(/\s+/);
  if (words[0] !== '-A') return undefined;
  const after = (flag: string) => {
    const at = words.indexOf(flag);
    return at === -1 ? undefined : (words[at - 1] === '!' ? '!' : '') + (words[at + 1] ?? '');
  };
  const rest = words.slice(2).join(' ').replace(/(! )?-[io] \S+ ?|-[jg] .*$/g, '').trim(); // prettier-ignore
  if (OF_OLD_CONNECTIONS.test(rest)) return undefined;
  const [from, to, target] = [after('-i'), after('-o'), after('-j') ?? after('-g')];
  return { chain: words[1] ?? '', from, to, target, isPartial: rest !== '', text };
}

const MOST_JUMPS = 8;

/** One way of a frame from the bridge to itself through the chains. */
class Walk {
  readonly #bridge: string;
  readonly #rules: readonly Rule[];
  /** True if some frames may have been accepted before. */
  hasExceptions = false;

  constructor(bridge: string, rules: readonly Rule[]) {
    this.#bridge = bridge;
    this.#rules = rules;
  }

  /** The first rule that decides on each frame. */
  verdictOf(chain: string, depth: number): { target: string; text: string } | undefined {
    if (depth > MOST_JUMPS) return undefined;
    for (const rule of this.#rules) {
      const { target, isPartial, text } = rule;
      if (rule.chain !== chain || target === undefined) continue;
      if (!fits(rule.from, this.#bridge) || !fits(rule.to, this.#bridge)) continue;
      const isFinal = ['ACCEPT', 'DROP', 'REJECT'].includes(target);
      const verdict = isFinal ? { target, text } : undefined;
      if (target === 'RETURN' && !isPartial) return undefined;
      const found = verdict ?? this.verdictOf(target, depth + 1);
      if (isPartial) this.hasExceptions ||= found?.target === 'ACCEPT';
      else if (found !== undefined) return found;
    }
    return undefined;
  }
}

function fits(pattern: string | undefined, link: string): boolean {
  if (pattern === undefined) return true;
  if (pattern.startsWith('!')) return !fits(pattern.slice(1), link);
  return pattern.endsWith('+') ? link.startsWith(pattern.slice(0, -1)) : link === pattern;
}
