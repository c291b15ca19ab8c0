/**
 * Keeps the one firewall rule that a bridge needs: frames from port to port of the same bridge are
 * accepted.
 *
 * With br_netfilter loaded, bridged frames pass iptables' FORWARD chain. dockerd sets the policy of
 * that chain to DROP. Docker reserves the chain DOCKER-USER for rules of others and never flushes
 * it. The rule goes where that chain is: nft or legacy, for IPv4 and IPv6 each.
 *
 * A dockerd that starts takes the jump to DOCKER-USER out of FORWARD and puts it back some 10 ms
 * later. So the rule is also added at the end of FORWARD, and stays where it was added. If FORWARD
 * drops or rejects everything at its end, the rule is before that (filter-rules.ts). A flush of all
 * chains removes Docker's chain and leaves the policy. While FORWARD drops or rejects what no rule
 * accepts, the rule is kept without Docker's chain. Else nothing is to do without that chain.
 *
 * Engine 29 with `--firewall-backend=nftables` and firewalld have tables of their own, see
 * nft-tables.ts.
 *
 * iptables-legacy is run only if its tables are in use, because running it creates them. Our rules
 * carry a comment. A rule without it is somebody else's, even if it says the same.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import { commandEvidence, runCommand } from '../command.ts';
import { watchFirewall, type FirewallWatch, type WatchedChains } from './firewall-changes.ts';
import { hasLegacyFilter, LEGACY_IPV4, LEGACY_IPV6 } from './legacy-tables.ts';
import { CHAIN, isForwardClosed, placesOf, ruleFor, type Place } from './filter-rules.ts';
import { SystemCallError } from '../libc.ts';
import { isLinkName } from '../../vocabulary/link-name.ts';
import {
  ensureTableAccept,
  IPV4_TABLES,
  IPV6_TABLES,
  removeTableAccept,
  WATCHED_TABLES,
} from './nft-tables.ts';
import { createQueue } from '../../keyed-lock.ts';

/**
 * `no-chain`: there is no DOCKER-USER chain and the policy of FORWARD is not DROP. Or there is no
 * program to ask. `failed`: the program did not start, or did not do its work. So nothing is known.
 */
export type RuleOutcome = 'added' | 'present' | 'removed' | 'absent' | 'no-chain' | 'failed';

export interface FirewallOutcome {
  readonly ipv4: RuleOutcome;
  readonly ipv6: RuleOutcome;
  /** Sentences for the log, for example about a missing program. */
  readonly warnings: readonly string[];
}

const FAMILIES = [
  { family: 'ipv4', command: 'iptables', tables: IPV4_TABLES, legacy: LEGACY_IPV4 },
  { family: 'ipv6', command: 'ip6tables', tables: IPV6_TABLES, legacy: LEGACY_IPV6 },
] as const;
type Family = (typeof FAMILIES)[number];
type Backend = 'nft' | 'legacy';

/** Looks and changes take turns. Else a bridge would get two rules. */
const oneAtATime = createQueue();

/**
 * Reports when a chain may have changed that has our rules, or should have them. Also reports our
 * own changes.
 * @param more what else is reported.
 */
export function watchBridgeAccept(
  onChange: () => void,
  more: readonly WatchedChains[] = [],
): FirewallWatch {
  const iptables = { table: 'filter', chains: [CHAIN, 'FORWARD'] };
  return watchFirewall([iptables, ...WATCHED_TABLES, ...more], onChange);
}

/**
 * Makes sure that the rules are there. If DOCKER-USER exists, it and FORWARD get exactly one rule
 * of ours for each bridge. Without it, only FORWARD gets them, and only if it drops or rejects what
 * no rule accepts.
 * @returns `added` if a chain had no rule for a bridge, or only one behind the end of the chain.
 */
export function ensureBridgeAccept(bridges: readonly string[]): Promise<FirewallOutcome> {
  return inEveryChain(bridges, ensureRule);
}

/** Removes every rule of ours for the bridge. Looks into FORWARD also if Docker's chain is gone. */
export function removeBridgeAccept(bridge: string): Promise<FirewallOutcome> {
  return inEveryChain([bridge], removeRules);
}

type Change = (command: string, place: Place, bridge: string) => Promise<RuleOutcome>;

const ensureRule: Change = async (command, place, bridge) => {
  const { count, isReached, insert } = place;
  await deleteRules(command, place, bridge, isReached ? count - 1 : count);
  if (isReached) return 'present';
  await runCommand(command, ['-w', ...insert, ...ruleFor(bridge)]);
  return 'added';
};

const removeRules: Change = async (command, place, bridge) => {
  await deleteRules(command, place, bridge, place.count);
  return place.count === 0 ? 'absent' : 'removed';
};

/** The first ones are deleted. */
async function deleteRules(
  command: string,
  { chain }: Place,
  bridge: string,
  count: number,
): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await runCommand(command, ['-w', '-D', chain, ...ruleFor(bridge)]);
  }
}

function inEveryChain(bridges: readonly string[], change: Change): Promise<FirewallOutcome> {
  const wrong = bridges.find((bridge) => !isLinkName(bridge));
  if (wrong !== undefined) {
    const message = `${JSON.stringify(wrong)} is not a link name`;
    return Promise.reject(new PluginError('INVALID_OPTION', message));
  }
  return oneAtATime(async () => {
    const warnings: string[] = [];
    const [ipv4, ipv6] = await Promise.all(
      FAMILIES.map(async (family) => {
        const outcomes: RuleOutcome[] = [];
        for (const backend of backendsInUse(family)) {
          outcomes.push(await inChain(family, backend, bridges, change, warnings));
        }
        outcomes.push(...(await inTables(family, bridges, change, warnings)));
        return outcomeOf(outcomes);
      }),
    );
    return { ipv4: ipv4 ?? 'no-chain', ipv6: ipv6 ?? 'no-chain', warnings };
  });
}

async function inTables(
  { tables }: Family,
  bridges: readonly string[],
  change: Change,
  warnings: string[],
): Promise<readonly RuleOutcome[]> {
  const changeTable = change === ensureRule ? ensureTableAccept : removeTableAccept;
  const outcomes: RuleOutcome[] = [];
  for (const table of tables) {
    try {
      outcomes.push(...(await changeTable(table, bridges)));
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      const what = `the frames of bridge ${bridges.join(', ')} may be dropped by the nftables table ${table.table}`;
      // A firewalld that owns its table lets nobody else change it.
      const isOwned = error.code === 'EPERM' && table.endsClosed;
      const hint = bridges.map((bridge) => `--add-interface=${bridge}`).join(' ');
      warnings.push(
        isOwned
          ? `${what}: firewalld lets only itself change it; run firewall-cmd --permanent --zone=ZONE ${hint}, firewall-cmd --permanent --zone=ZONE --add-forward, and firewall-cmd --reload; ZONE is the bridge's zone now, or what firewall-cmd --get-default-zone prints; the zone trusted would open the host, too`
          : `${what}: ${error.message}`,
      );
      outcomes.push(isOwned ? 'no-chain' : 'failed');
    }
  }
  return outcomes;
}

function backendsInUse({ legacy }: Family): readonly Backend[] {
  return hasLegacyFilter(legacy) ? ['nft', 'legacy'] : ['nft'];
}

/** The outcome for several places is the first in this list that one of them has. */
const TOLD_FIRST: readonly RuleOutcome[] = ['failed', 'added', 'removed', 'present', 'absent'];

export function outcomeOf(outcomes: readonly RuleOutcome[]): RuleOutcome {
  return TOLD_FIRST.find((outcome) => outcomes.includes(outcome)) ?? 'no-chain';
}

async function inChain(
  family: Family,
  backend: Backend,
  bridges: readonly string[],
  change: Change,
  warnings: string[],
): Promise<RuleOutcome> {
  try {
    const command = await findProgram(family, backend);
    if (command === undefined) return 'no-chain';
    const outcomes: RuleOutcome[] = [];
    let rules = await listRules(command);
    for (const bridge of bridges) {
      for (const place of placesOf(rules, bridge)) {
        if (!isPlaceOurs(rules, place, change)) continue;
        try {
          outcomes.push(await change(command, place, bridge));
          // The place of the next rule is told by a number, which this may have changed.
          if (place.count > (place.isReached ? 1 : 0)) rules = await listRules(command);
        } catch (error) {
          const { outcome, warning } = outcomeOfError(error, family.command, [bridge]);
          warnings.push(warning);
          outcomes.push(outcome);
        }
      }
    }
    return outcomeOf(outcomes);
  } catch (error) {
    const { outcome, warning } = outcomeOfError(error, family.command, bridges);
    warnings.push(warning);
    return outcome;
  }
}

/**
 * Where nothing drops frames we add nothing to FORWARD. But we remove our rules from it.
 */
function isPlaceOurs(rules: readonly string[], { chain }: Place, change: Change): boolean {
  const hasChain = rules.includes(`-N ${CHAIN}`);
  if (chain === CHAIN || hasChain) return hasChain;
  return change !== ensureRule || isForwardClosed(rules);
}

/** Returns what is known after a program could not be run, or failed. @throws every other error. */
export function outcomeOfError(
  error: unknown,
  command: string,
  bridges: readonly string[],
): { readonly outcome: RuleOutcome; readonly warning: string } {
  const evidence = commandEvidence(error);
  if (evidence === undefined) throw error;
  const names = bridges.join(', ');
  return evidence.missing
    ? {
        outcome: 'no-chain',
        warning: `${command} is not installed: ${CHAIN} cannot be checked, and Docker's firewall may drop the frames of bridge ${names}`,
      }
    : {
        outcome: 'failed',
        warning: `the frames of bridge ${names} may be dropped by Docker's firewall: ${(error as Error).message}`,
      };
}

/**
 * Full names of programs that were found, at most four. If one is uninstalled later, running it
 * fails.
 */
const installed = new Set<string>();

/**
 * Returns the program for a backend: by its full name, or the plain name if it is of that backend.
 * Undefined if the plain program is of the other backend.
 * @throws PluginError IP_COMMAND_FAILED with `missing` if there is neither.
 */
async function findProgram(family: Family, backend: Backend): Promise<string | undefined> {
  const fullName = `${family.command}-${backend}`;
  if (installed.has(fullName)) return fullName;
  try {
    await runCommand(fullName, ['-V']);
    installed.add(fullName);
    return fullName;
  } catch (error) {
    if (commandEvidence(error)?.missing !== true) throw error;
  }
  const { stdout } = await runCommand(family.command, ['-V']);
  const isNft = stdout.includes('nf_tables');
  return isNft === (backend === 'nft') ? family.command : undefined;
}

/**
 * Returns the chains and rules of the table `filter`. Returns none if others made the table and
 * iptables cannot print it.
 */
async function listRules(command: string): Promise<readonly string[]> {
  try {
    const { stdout } = await runCommand(command, ['-w', '-S']);
    return stdout.split('\n').map((line) => line.trim());
  } catch (error) {
    if (/is incompatible/.test(commandEvidence(error)?.stderr ?? '')) return [];
    throw error;
  }
}
