/**
 * State of the uplink on disk (D7): one versioned JSON file for each thing, checked by a schema
 * when it is read. A file that makes no sense is an error that names it. It may be the only copy
 * of a key, so nothing is guessed and nothing is removed.
 */
import { constants } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { removeFile, unwritable, writeFile } from '../runtime/durable-file.ts';
import { messageOf, PluginError } from '../vocabulary/errors.ts';

const VERSION = 1;
const LARGEST_BYTES = 1024 * 1024;
const SUFFIX = '.json';

const envelope = v.object({ version: v.number(), record: v.unknown() });

/** @throws PluginError STATE_UNWRITABLE. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** @throws PluginError STATE_UNWRITABLE. The earlier file is then still there. */
export function writeState(path: string, record: object): Promise<void> {
  return writeFile(path, `${JSON.stringify({ version: VERSION, record })}\n`);
}

export { removeFile as removeState };

/**
 * Returns undefined if there is no such file.
 * @throws PluginError STATE_UNREADABLE.
 */
export async function readState<Output>(
  path: string,
  schema: v.GenericSchema<unknown, Output>,
): Promise<Output | undefined> {
  const text = await textOf(path);
  if (text === undefined) return undefined;
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch {
    throw unusable(path, 'it is no JSON');
  }
  const outer = v.safeParse(envelope, stored);
  if (!outer.success) throw unusable(path, 'it has no version and record');
  if (outer.output.version !== VERSION) {
    throw unusable(path, `it is of version ${outer.output.version}, and not of ${VERSION}`);
  }
  const read = v.safeParse(schema, outer.output.record);
  if (read.success) return read.output;
  throw unusable(path, `${v.getDotPath(read.issues[0]) ?? 'record'} is not what it should be`);
}

/** Reads all `*.json` of a folder. A write that a crash cut short is removed. */
export async function readFolder<Output>(
  folder: string,
  schema: v.GenericSchema<unknown, Output>,
): Promise<Output[]> {
  await makeFolder(folder);
  const records: Output[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    if (name.endsWith('.tmp')) await rm(path, { force: true }).catch(() => undefined);
    if (!name.endsWith(SUFFIX)) continue;
    const record = await readState(path, schema);
    if (record !== undefined) records.push(record);
  }
  return records;
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    // A FIFO in the place of the file is an error, and no wait.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile() || stats.size > LARGEST_BYTES) {
        throw unusable(path, 'it is no file of ours');
      }
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof PluginError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable(path, messageOf(error));
  }
}

function unusable(path: string, reason: string): PluginError {
  return new PluginError(
    'STATE_UNREADABLE',
    `state file ${path} is not usable: ${reason}; mend it, or move it away`,
  );
}
