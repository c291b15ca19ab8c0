/**
 * Moves the files of earlier versions to files of leases, at the first start of a later version.
 * Earlier versions stored a lease with its holder. A crash at any moment leaves the old file, the
 * new one, or both. The next start goes on.
 */
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PluginError } from '../../vocabulary/errors.ts';
import { FORMER_KINDS, leaseOfFormer, type FormerKind } from './migrations.ts';
import { formerRecord } from './read-record.ts';
import { NotARecordError, readRecordFile } from './record-file.ts';

const SUFFIX = '.json';

/**
 * @param write makes the file of a lease.
 * @throws PluginError STATE_UNWRITABLE, STATE_UNREADABLE. The plugin must not go on with half of
 * the leases.
 */
export async function moveFormerFiles(
  dir: string,
  write: (id: string, lease: object) => Promise<void>,
): Promise<void> {
  /**
   * Leases that have a file by now. If a crash left a lease with two holders, the later holder has
   * it.
   */
  const taken = new Set<string>();
  for (const kind of FORMER_KINDS) {
    const folder = join(dir, kind);
    try {
      for (const name of await filesIn(folder)) {
        await moveFile({ kind, folder, name, leases: join(dir, 'leases') }, taken, write);
      }
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      if (error instanceof PluginError) throw error;
      const reason = messageOf(error);
      throw new PluginError(
        'STATE_UNREADABLE',
        `state folder ${folder} of an earlier version cannot be taken over: ${reason}; mend the disk or its permissions, or move the folder away to start without it`,
        { cause: error },
      );
    }
  }
}

async function moveFile(
  from: { kind: FormerKind; folder: string; name: string; leases: string },
  taken: Set<string>,
  write: (id: string, lease: object) => Promise<void>,
): Promise<void> {
  const { kind, folder, name, leases } = from;
  const path = join(folder, name);
  if (name.endsWith('.tmp')) return; // a crash cut this write short
  const target = join(leases, name);
  const id = name.slice(0, -SUFFIX.length);
  const record = name.endsWith(SUFFIX) ? recordIn(path) : undefined;
  const isOther = typeof record?.['id'] === 'string' && record['id'] !== id;
  if (record === undefined || isOther) {
    // A file without sense keeps its name in the new folder. It is reported there.
    await rename(path, (await exists(target)) ? `${target}.${kind}.unreadable` : target);
    return;
  }
  const lease = leaseOfFormer(kind, record);
  const holding = `${String(lease['scopeId'])} ${String(lease['clientId'])}`;
  if (!taken.has(holding) && !(await exists(target))) await write(id, lease);
  taken.add(holding);
  await rm(path);
}

function recordIn(path: string) {
  try {
    return formerRecord(readRecordFile(path).text);
  } catch (error) {
    if (error instanceof NotARecordError) return undefined; // moved as it is
    throw error;
  }
}

async function filesIn(folder: string): Promise<readonly string[]> {
  return (await exists(folder)) ? (await readdir(folder)).sort() : [];
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
