/**
 * Reads what `iptables -S` prints of the table `filter`: where our rules are, and where a chain
 * ends for every packet. A rule of ours behind that place does nothing.
 *
 * Three firewalls have such an end in FORWARD: ufw with DEFAULT_FORWARD_POLICY="REJECT", firewalld
 * with FirewallBackend=iptables, and rules of iptables-persistent that end with a REJECT.
 */

/** Docker reserves this chain for rules of others. */
export const CHAIN = 'DOCKER-USER';
const FORWARD = 'FORWARD';
const MARK = 'vlandhcp';

/** Where a rule of ours is, or should be. */
export interface Place {
  readonly chain: string;
  /** How many rules in the chain are ours for the bridge. */
  readonly count: number;
  /** True if packets get to the last of them. */
  readonly isReached: boolean;
  /** The words that add one. */
  readonly insert: readonly string[];
}

/**
 * The places of the rule for a bridge. It is first in Docker's chain, which dockerd used to end
 * with a RETURN. In FORWARD it is last, or before the end.
 */
export function placesOf(rules: readonly string[], bridge: string): readonly Place[] {
  const ours = ruleFor(bridge).join(' ');
  const placeIn = (chain: string, insert: readonly string[], before = Infinity): Place => {
    const listed = rulesIn(rules, chain);
    const last = listed.lastIndexOf(ours);
    const count = listed.filter((rule) => rule === ours).length;
    return { chain, count, isReached: last !== -1 && last < before, insert };
  };
  const end = endOf(rules, FORWARD);
  const inForward = end === undefined ? ['-A', FORWARD] : ['-I', FORWARD, String(end + 1)];
  return [placeIn(CHAIN, ['-I', CHAIN, '1']), placeIn(FORWARD, inForward, end)];
}

/** True if nothing passes FORWARD that no rule accepts. */
export function isForwardClosed(rules: readonly string[]): boolean {
  return rules.includes(`-P ${FORWARD} DROP`) || endOf(rules, FORWARD) !== undefined;
}

/** The words are as `iptables -S` prints them. */
export function ruleFor(bridge: string): readonly string[] {
  return ['-i', bridge, '-o', bridge, '-m', 'comment', '--comment', MARK, '-j', 'ACCEPT'];
}

function rulesIn(rules: readonly string[], chain: string): readonly string[] {
  const start = `-A ${chain} `;
  return rules.filter((rule) => rule.startsWith(start)).map((rule) => rule.slice(start.length));
}

/** A rule without a condition. */
const FOR_ALL = /^-[jg] (\S+)(?: --reject-with \S+)?$/;

/**
 * Returns the index of the rule that drops or rejects every packet that gets to it. Such a rule may
 * be in a chain to which every packet goes. The kernel allows no circles of chains.
 */
function endOf(rules: readonly string[], chain: string): number | undefined {
  const listed = rulesIn(rules, chain);
  for (const [index, rule] of listed.entries()) {
    const target = FOR_ALL.exec(rule)?.[1];
    if (target === undefined) continue;
    if (target === 'ACCEPT' || target === 'RETURN') return undefined;
    if (target === 'DROP' || target === 'REJECT') return index;
    if (endOf(rules, target) !== undefined) return index;
  }
  return undefined;
}
