/**
 * Tables of nftables that are replaced as a whole, in one transaction. Between the old and the new
 * rules there is no moment without rules. Counters begin anew when a table is replaced.
 */
import { commandEvidence, runCommand } from '../../net/command.ts';
import { PluginError } from '../../vocabulary/errors.ts';

export interface NftTable {
  readonly family: 'inet' | 'bridge';
  readonly name: string;
  /** What is between the braces of the table. */
  readonly body: string;
}

interface Applied {
  readonly body: string;
  /** What `nft` printed of it then. */
  readonly listing: string;
}

/** By family and name. Bounded by the number of uplinks of this host. */
const applied = new Map<string, Applied>();

/**
 * Makes the kernel equal to the tables. It does nothing if this process has set them before, and if
 * nobody has changed them since.
 * @throws PluginError UNSUPPORTED if `nft` is missing; IP_COMMAND_FAILED.
 */
export async function ensureTables(tables: readonly NftTable[]): Promise<void> {
  const isSame = await Promise.all(
    tables.map(async (table) => {
      const before = applied.get(keyOf(table));
      return before?.body === table.body && before.listing === (await listing(table));
    }),
  );
  if (isSame.every(Boolean)) return;
  await nft(['-f', '-'], tables.map(replacement).join(''));
  for (const table of tables) {
    applied.set(keyOf(table), { body: table.body, listing: (await listing(table)) ?? '' });
  }
}

/** Forgets what was set, as the end of the process does. */
export function forgetTables(): void {
  applied.clear();
}

/** Tables that are not there are no error. @throws PluginError. */
export async function removeTables(tables: readonly Omit<NftTable, 'body'>[]): Promise<void> {
  for (const table of tables) applied.delete(keyOf(table));
  await nft(['-f', '-'], tables.map(removal).join(''));
}

/** @returns the text for `nft -f`. */
function replacement(table: NftTable): string {
  return `${removal(table)}table ${keyOf(table)} {\n${table.body}}\n`;
}

/** A table that is missing cannot be deleted, so it is made first. */
function removal(table: Omit<NftTable, 'body'>): string {
  return `table ${keyOf(table)}\ndelete table ${keyOf(table)}\n`;
}

function keyOf({ family, name }: Omit<NftTable, 'body'>): string {
  return `${family} ${name}`;
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
