/**
 * The plugin's memory on disk (D7): one versioned JSON file per record, in a folder per kind, written to a
 * temporary file, synced and renamed, so that a file is either whole or not there.
 *
 * A file that makes no sense is reported and set aside under `.unreadable`; one of a newer version, or that the
 * disk does not give out, is reported and left as it is. None keeps the others from being loaded.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PluginError } from '../errors.ts';
import { KeyedLock } from './keyed-lock.ts';
import { parseNetworkOptions } from './options.ts';
import type { NetworkOptions } from './options.ts';
import type { Records } from './registry.ts';

const VERSION = 1;
const SUFFIX = '.json';
const UNREADABLE = `${SUFFIX}.unreadable`;
const STILL_ASIDE = 'look at it, then remove it: nothing is cleared away while it is there';

const KINDS: readonly Kind[] = ['networks', 'endpoints', 'held', 'pools', 'addresses'];
type Kind = keyof Records;

export type StoreContents = {
  readonly [K in Kind]: readonly Records[K][];
} & {
  /** One per file that could not be used; each names the file and what happened to it. */
  readonly problems: readonly PluginError[];
};

/** Fields without which a record is of no use; more may be absent. */
const REQUIRED: Readonly<Record<Kind, readonly string[]>> = {
  networks: ['id', 'options', 'mtu'],
  endpoints: ['id', 'networkId', 'hostEnd', 'containerEnd', 'mac', 'clientId', 'mtu'],
  held: ['id', 'mac', 'clientId', 'mtu', 'lease', 'heldAt'],
  pools: ['id', 'subnet', 'gateway', 'given'],
  addresses: ['id', 'poolId', 'scopeId', 'mac', 'clientId', 'address', 'mtu'],
};

/** What options meant before they existed. */
const DEFAULT_OPTIONS = parseNetworkOptions({ parent: 'none' });

export class Store {
  readonly #dir: string;
  /** Two writers of one file would share its temporary file. */
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

  /** @throws PluginError STATE_UNREADABLE if a folder cannot be listed: half a picture is worse than none. */
  async load(): Promise<StoreContents> {
    const problems: PluginError[] = [];
    const networks = await this.#loadAll('networks', problems);
    return {
      networks: networks.map(withDefaults),
      endpoints: await this.#loadAll('endpoints', problems),
      held: await this.#loadAll('held', problems),
      pools: (await this.#loadAll('pools', problems)).map(withDefaults),
      addresses: await this.#loadAll('addresses', problems),
      problems,
    };
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; what was stored before is then still there. */
  save<K extends Kind>(kind: K, record: Records[K]): Promise<void> {
    const path = this.#path(kind, record.id);
    return this.#lock.run(path, () => this.#write(kind, path, record));
  }

  /** Gone already is fine. @throws PluginError STATE_UNWRITABLE. */
  delete(kind: Kind, id: string): Promise<void> {
    const path = this.#path(kind, id);
    return this.#lock.run(path, async () => {
      try {
        await rm(path, { force: true });
        await syncFolder(join(this.#dir, kind)); // or a power cut brings it back
      } catch (error) {
        throw unwritable(path, error);
      }
    });
  }

  async #loadAll<K extends Kind>(kind: K, problems: PluginError[]): Promise<Records[K][]> {
    const records: Records[K][] = [];
    for (const name of await list(join(this.#dir, kind))) {
      const path = join(this.#dir, kind, name);
      if (name.endsWith('.tmp')) {
        // A write that a crash cut short; the old file is whole. If it stays, the next start tries again.
        await rm(path, { force: true }).catch(() => undefined);
      } else if (name.endsWith(UNREADABLE)) {
        problems.push(unreadable(path, 'it made no sense at an earlier start', STILL_ASIDE));
      } else if (name.endsWith(SUFFIX)) {
        const record = await readRecord(path, kind, problems);
        if (record !== undefined) records.push(record as Records[K]);
      }
    }
    return records;
  }

  async #write(kind: Kind, path: string, record: object): Promise<void> {
    const temporary = `${path}.tmp`;
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify({ version: VERSION, record }, writeInfinity));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      await syncFolder(join(this.#dir, kind));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one to tell
      throw unwritable(path, error);
    }
  }

  #path(kind: Kind, id: string): string {
    return join(this.#dir, kind, `${id}${SUFFIX}`);
  }
}

async function readRecord(
  path: string,
  kind: Kind,
  problems: PluginError[],
): Promise<object | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    problems.push(unreadable(path, reasonOf(error), 'left as it is'));
    return undefined;
  }
  let reason: string;
  try {
    const { version, record } = (JSON.parse(text, readInfinity) ?? {}) as {
      version?: unknown;
      record?: Record<string, unknown>;
    };
    if (typeof version === 'number' && version > VERSION) {
      problems.push(
        unreadable(path, `it was written by a newer vlandhcp (format ${version})`, 'left as it is'),
      );
      return undefined;
    }
    // Before a lease could be absent every endpoint had one, and nothing beside it.
    const isOld = kind === 'endpoints' && (record?.['terms'] ?? undefined) === undefined;
    const missing = [...REQUIRED[kind], ...(isOld ? ['lease'] : [])].filter(
      (field) => (record?.[field] ?? undefined) === undefined,
    );
    if (version !== VERSION) missing.unshift('version');
    if (record !== undefined && missing.length === 0) return record;
    reason = `it lacks ${missing.join(', ')}`;
  } catch (error) {
    reason = reasonOf(error);
  }
  const isAside = await rename(path, `${path}.unreadable`).then(
    () => true,
    () => false,
  );
  problems.push(unreadable(path, reason, isAside ? 'set aside as .unreadable' : 'left as it is'));
  return undefined;
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    throw new PluginError(
      'STATE_UNREADABLE',
      `state folder ${folder} cannot be read: ${reasonOf(error)}; mend the disk or its permissions, or move the folder away to start afresh`,
      { cause: error },
    );
  }
}

/** Options as they were stored, also by versions that knew fewer of them. */
function withDefaults<T extends { readonly options: NetworkOptions | undefined }>(record: T): T {
  if (record.options === undefined) return record;
  return { ...record, options: { ...DEFAULT_OPTIONS, ...record.options } };
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function writeInfinity(_key: string, value: unknown): unknown {
  return value === Infinity ? 'infinite' : value;
}

function readInfinity(key: string, value: unknown): unknown {
  return value === 'infinite' && /(At|Ms)$/.test(key) ? Infinity : value;
}

function unreadable(path: string, reason: string, fate: string): PluginError {
  return new PluginError(
    'STATE_UNREADABLE',
    `state file ${path} is not usable: ${reason}; ${fate}`,
  );
}

function unwritable(path: string, cause: unknown): PluginError {
  return new PluginError(
    'STATE_UNWRITABLE',
    `state cannot be written to ${path}: ${reasonOf(cause)}; free space or mend permissions there`,
    { cause },
  );
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
