/**
 * Tables of nftables that are as wanted, or are made so in one transaction. Between the old and the
 * new rules there is no moment without rules.
 *
 * A change costs what differs (nft-changes.ts), as long as nobody else has changed a table of ours:
 * the other chains, counters and limits go on. Else the table is replaced as a whole. Whether
 * somebody has is told by the generation of the rules, without a process. Where others change rules
 * of their own, as Docker does, the tables are listed and compared.
 */
import { commandEvidence, runCommand } from '../../net/command.ts';
import { rulesGeneration } from '../../net/firewall/nft-generation.ts';
import { ownNamespace } from '../../net/sandbox/netns.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { changesOf } from './nft-changes.ts';

export interface NftTable {
  readonly family: 'inet' | 'bridge';
  readonly name: string;
  /** What is between the braces of the table. */
  readonly body: string;
}

interface Applied {
  readonly body: string;
  /** Of all rules of the namespace, when the table was as wanted. Undefined: not known. */
  readonly generation: number | undefined;
  /** What `nft` printed of it then. Undefined: nobody else is known to change rules here. */
  readonly listing: string | undefined;
}

/**
 * By namespace, family and name. This process is in one namespace, and tests are in several.
 * Bounded by the number of uplinks of this host.
 */
const applied = new Map<string, Applied>();

/**
 * Makes the kernel equal to the tables. It does nothing if this process has set them before, and if
 * nobody has changed them since.
 * @throws PluginError UNSUPPORTED if `nft` is missing; IP_COMMAND_FAILED.
 */
export async function ensureTables(tables: readonly NftTable[]): Promise<void> {
  const before = await rulesGeneration();
  const looks = await Promise.all(tables.map((table) => look(table, before)));
  const changed = looks.filter(({ table, there }) => there?.body !== table.body);
  if (changed.length === 0) return;
  await change(changed, before !== undefined);
  let after = await rulesGeneration();
  const isAlone = before !== undefined && after === before + 1;
  if (!isAlone && before !== undefined) {
    // Somebody else may have changed a table just before we did.
    await nft(['-f', '-'], changed.map(({ table }) => replacement(table)).join(''));
    after = undefined;
  }
  for (const { table, isWatched } of changed) {
    const now = isAlone && !isWatched ? undefined : await listing(table);
    applied.set(keyOf(table), { body: table.body, generation: after, listing: now });
  }
  if (isAlone) carryOn(before, after);
}

/** Tables that are not there are no error. @throws PluginError. */
export async function removeTables(tables: readonly Omit<NftTable, 'body'>[]): Promise<void> {
  for (const table of tables) applied.delete(keyOf(table));
  await nft(['-f', '-'], tables.map(removal).join(''));
}

interface Look {
  readonly table: NftTable;
  /** Undefined if it is not known what the table has now. */
  readonly there: Applied | undefined;
  /** True if others change rules in this namespace, so that there must be something to compare. */
  readonly isWatched: boolean;
}

async function look(table: NftTable, generation: number | undefined): Promise<Look> {
  const last = applied.get(keyOf(table));
  if (last === undefined) return { table, there: undefined, isWatched: false };
  const isWatched = last.listing !== undefined;
  if (generation !== undefined && last.generation === generation) {
    return { table, there: last, isWatched };
  }
  if (!isWatched || last.listing !== (await listing(table))) {
    return { table, there: undefined, isWatched: true };
  }
  const there = { ...last, generation };
  applied.set(keyOf(table), there);
  return { table, there, isWatched };
}

/** @param isInParts false if the tables must be replaced as a whole. */
async function change(looks: readonly Look[], isInParts: boolean): Promise<void> {
  const texts = looks.map(({ table, there }) => {
    const part =
      isInParts && there !== undefined
        ? changesOf(nameOf(table), there.body, table.body)
        : undefined;
    return { part, whole: replacement(table) };
  });
  const whole = texts.map((text) => text.whole).join('');
  try {
    await nft(['-f', '-'], texts.map((text) => text.part ?? text.whole).join(''));
  } catch (error) {
    // The kernel has done nothing of it. A table may be another one than we think.
    const isPart = texts.some(({ part }) => part !== undefined);
    if (!isPart || commandEvidence(error) === undefined) throw error;
    await nft(['-f', '-'], whole);
  }
}

/** Our own transaction has not touched the other tables of this namespace. */
function carryOn(before: number, after: number | undefined): void {
  const here = ownNamespace();
  for (const [key, one] of applied) {
    if (one.generation !== before || !key.startsWith(here)) continue;
    applied.set(key, { ...one, generation: after });
  }
}

/** @returns the text for `nft -f`. */
function replacement(table: NftTable): string {
  return `${removal(table)}table ${nameOf(table)} {\n${table.body}}\n`;
}

/** A table that is missing cannot be deleted, so it is made first. */
function removal(table: Omit<NftTable, 'body'>): string {
  return `table ${nameOf(table)}\ndelete table ${nameOf(table)}\n`;
}

function nameOf({ family, name }: Omit<NftTable, 'body'>): string {
  return `${family} ${name}`;
}

function keyOf(table: Omit<NftTable, 'body'>): string {
  return `${ownNamespace()} ${nameOf(table)}`;
}

/** Without the values of counters. Undefined if there is no such table. */
async function listing({ family, name }: NftTable): Promise<string | undefined> {
  try {
    return (await nft(['-s', 'list', 'table', family, name])).stdout;
  } catch (error) {
    if (/No such file/.test(commandEvidence(error)?.stderr ?? '')) return undefined;
    throw error;
  }
}

async function nft(args: readonly string[], input?: string): Promise<{ readonly stdout: string }> {
  try {
    return await runCommand('nft', args, input === undefined ? {} : { input });
  } catch (error) {
    if (commandEvidence(error)?.missing !== true) throw error;
    throw new PluginError(
      'UNSUPPORTED',
      'the program nft is not installed; install the package nftables',
      { cause: error },
    );
  }
}
