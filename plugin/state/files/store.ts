/**
 * The plugin's memory on disk (D7). Each record is one versioned JSON file, in a folder for its
 * kind. It is written to a temporary file, synced and renamed. So a file is either complete or
 * missing.
 *
 * A bad file does not keep the others from being loaded. Each bad file is reported by name:
 *   makes no sense, is no file,     set aside as NAME.json.unreadable; nothing is removed until
 *   or is a copy                    somebody has looked
 *   makes sense in part             the readable part counts; the file is kept as NAME.json.damaged
 *   newer version, disk error       left as it is
 */
import { link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { messageOf, PluginError } from '../../vocabulary/errors.ts';
import { KeyedLock } from '../../keyed-lock.ts';
import { removeFile, unwritable, writeFile } from '../../runtime/durable-file.ts';
import { moveFormerFiles } from './former-files.ts';
import { readRecord, writeRecord } from './read-record.ts';
import { NotARecordError, readRecordFile } from './record-file.ts';
import type { Records } from '../stored-records.ts';

const SUFFIX = '.json';
const UNREADABLE = `${SUFFIX}.unreadable`;
const STILL_ASIDE = 'look at it, then remove it: nothing is cleared away while it is there';
const LEFT = 'left as it is';

/** After so many files, others get a turn: a signal may end the start. */
const READ_IN_ONE_GO = 64;

const KINDS: readonly Kind[] = ['networks', 'leases', 'pools'];
type Kind = keyof Records;

export type StoreContents = {
  readonly [K in Kind]: readonly Records[K][];
} & {
  /** One for each file that could not be used. It names the file and says what happened to it. */
  readonly problems: readonly PluginError[];
  /** One for each file that could be used in part. The record is among the others. */
  readonly damages: readonly PluginError[];
};

interface Findings {
  readonly problems: PluginError[];
  readonly damages: PluginError[];
}

export class Store {
  readonly #dir: string;
  /** Writes to one file take turns, because they share its temporary file. */
  readonly #lock = new KeyedLock();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws PluginError STATE_UNWRITABLE if the folder cannot be made. */
  static async open(dir: string): Promise<Store> {
    try {
      for (const kind of KINDS) await mkdir(join(dir, kind), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw unwritable(dir, error);
    }
    return new Store(dir);
  }

  /**
   * @throws PluginError STATE_UNREADABLE if a folder cannot be listed. The plugin must not go on
   * with half of the records.
   */
  async load(): Promise<StoreContents> {
    const findings: Findings = { problems: [], damages: [] };
    await moveFormerFiles(this.#dir, (id, record) =>
      this.#write('leases', this.#path('leases', id), record),
    );
    return {
      networks: await this.#loadAll('networks', findings),
      leases: await this.#loadAll('leases', findings),
      pools: await this.#loadAll('pools', findings),
      ...findings,
    };
  }

  /**
   * Adds or replaces the record.
   * @throws PluginError STATE_UNWRITABLE. The earlier record is then still there.
   */
  save<K extends Kind>(kind: K, record: Records[K]): Promise<void> {
    const path = this.#path(kind, record.id);
    return this.#lock.run(path, () => this.#write(kind, path, record));
  }

  /** Removes the record. A missing record is no error. @throws PluginError STATE_UNWRITABLE. */
  delete(kind: Kind, id: string): Promise<void> {
    const path = this.#path(kind, id);
    return this.#lock.run(path, () => removeFile(path));
  }

  async #loadAll<K extends Kind>(kind: K, findings: Findings): Promise<Records[K][]> {
    const names = await list(join(this.#dir, kind));
    const records: Records[K][] = [];
    for (const [at, name] of names.entries()) {
      const record = await this.#loadFile(kind, name, findings);
      if (record !== undefined) records.push(record);
      if (at % READ_IN_ONE_GO === 0) await setImmediate();
    }
    return records;
  }

  /** @returns undefined if the file has no record. */
  async #loadFile<K extends Kind>(
    kind: K,
    name: string,
    findings: Findings,
  ): Promise<Records[K] | undefined> {
    const path = join(this.#dir, kind, name);
    if (name.endsWith('.tmp')) {
      // A crash cut this write short. The old file is complete. If removal fails, the next start
      // tries again.
      await rm(path, { force: true, recursive: true }).catch(() => undefined);
    } else if (name.endsWith(UNREADABLE)) {
      const reason = 'it made no sense at an earlier start';
      findings.problems.push(unreadable(path, reason, STILL_ASIDE));
    } else if (name.endsWith(SUFFIX)) {
      return this.#load(kind, name.slice(0, -SUFFIX.length), findings);
    }
    return undefined;
  }

  async #load<K extends Kind>(
    kind: K,
    id: string,
    { problems, damages }: Findings,
  ): Promise<Records[K] | undefined> {
    const path = this.#path(kind, id);
    let file;
    try {
      file = readRecordFile(path);
    } catch (error) {
      const fate = error instanceof NotARecordError ? await setAside(path) : LEFT;
      problems.push(unreadable(path, messageOf(error), fate));
      return undefined;
    }
    const reading = readRecord(kind, file.text, { id, writtenAt: file.writtenAt });
    switch (reading.is) {
      case 'complete':
        return reading.record;
      case 'damaged':
        damages.push(damaged(path, reading.reason, await this.#mend(kind, path, reading.record)));
        return reading.record;
      case 'useless':
        problems.push(unreadable(path, reading.reason, await setAside(path)));
        return undefined;
      case 'newer':
        problems.push(unreadable(path, reading.reason, LEFT));
        return undefined;
    }
  }

  /**
   * Keeps the file under another name, and writes the repaired record. At every moment a file
   * exists.
   * @returns what happened to the file.
   */
  async #mend(kind: Kind, path: string, record: object): Promise<string> {
    const copy = `${path}.damaged`;
    try {
      await rm(copy, { force: true });
      await link(path, copy);
      await this.#write(kind, path, record);
      return 'what can be read is used, a lease that cannot is asked for anew; the file as it was is kept as .damaged';
    } catch (error) {
      return `what can be read is used; ${LEFT}: ${messageOf(error)}`;
    }
  }

  #write(kind: Kind, path: string, record: object): Promise<void> {
    return writeFile(path, writeRecord(kind, record));
  }

  #path(kind: Kind, id: string): string {
    return join(this.#dir, kind, `${id}${SUFFIX}`);
  }
}

/** @returns what happened to the file. */
async function setAside(path: string): Promise<string> {
  try {
    await rename(path, `${path}.unreadable`);
    return 'set aside as .unreadable';
  } catch {
    return LEFT;
  }
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    throw new PluginError(
      'STATE_UNREADABLE',
      `state folder ${folder} cannot be read: ${messageOf(error)}; mend the disk or its permissions, or move the folder away to start afresh`,
      { cause: error },
    );
  }
}

function damaged(path: string, reason: string, fate: string): PluginError {
  return new PluginError('STATE_UNREADABLE', `state file ${path} is damaged: ${reason}; ${fate}`);
}

function unreadable(path: string, reason: string, fate: string): PluginError {
  return new PluginError(
    'STATE_UNREADABLE',
    `state file ${path} is not usable: ${reason}; ${fate}`,
  );
}
