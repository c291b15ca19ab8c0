/**
 * The plugin's memory on disk (D7): one versioned JSON file per network and endpoint, written to a
 * temporary file, synced and renamed, so that a file is either whole or not there.
 *
 * A file that cannot be read is reported and set aside under `.unreadable`; one of a newer version is
 * reported and left as it is. Neither keeps the others from being loaded.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PluginError } from '../errors.ts';
import type { EndpointRecord, NetworkRecord } from './records.ts';

const VERSION = 1;
const SUFFIX = '.json';

type Kind = 'networks' | 'endpoints';

export interface StoreContents {
  readonly networks: readonly NetworkRecord[];
  readonly endpoints: readonly EndpointRecord[];
  /** One per file that could not be used; each names the file and what happened to it. */
  readonly problems: readonly PluginError[];
}

/** Fields without which a record is of no use; more may be absent. */
const REQUIRED: Readonly<Record<Kind, readonly string[]>> = {
  networks: ['id', 'options', 'mtu'],
  endpoints: ['id', 'networkId', 'hostEnd', 'containerEnd', 'mac', 'clientId', 'mtu'],
};

export class Store {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws PluginError STATE_UNWRITABLE if the folder cannot be made. */
  static async open(dir: string): Promise<Store> {
    try {
      await mkdir(join(dir, 'networks'), { recursive: true, mode: 0o700 });
      await mkdir(join(dir, 'endpoints'), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw unwritable(dir, error);
    }
    return new Store(dir);
  }

  async load(): Promise<StoreContents> {
    const problems: PluginError[] = [];
    const networks = await this.#loadAll<NetworkRecord>('networks', problems);
    const endpoints = await this.#loadAll<EndpointRecord>('endpoints', problems);
    return { networks, endpoints, problems };
  }

  /** @throws PluginError STATE_UNWRITABLE; what was stored before is then still there. */
  saveNetwork(record: NetworkRecord): Promise<void> {
    return this.#save('networks', record);
  }

  /** @throws PluginError STATE_UNWRITABLE; what was stored before is then still there. */
  saveEndpoint(record: EndpointRecord): Promise<void> {
    return this.#save('endpoints', record);
  }

  /** Gone already is fine. @throws PluginError STATE_UNWRITABLE. */
  deleteNetwork(id: string): Promise<void> {
    return this.#delete('networks', id);
  }

  /** Gone already is fine. @throws PluginError STATE_UNWRITABLE. */
  deleteEndpoint(id: string): Promise<void> {
    return this.#delete('endpoints', id);
  }

  async #loadAll<T>(kind: Kind, problems: PluginError[]): Promise<T[]> {
    const records: T[] = [];
    for (const name of (await readdir(join(this.#dir, kind))).sort()) {
      const path = join(this.#dir, kind, name);
      if (name.endsWith('.tmp')) {
        await rm(path, { force: true }); // a write that a crash cut short; the old file is whole
      } else if (name.endsWith(SUFFIX)) {
        const record = await readRecord(path, kind, problems);
        if (record !== undefined) records.push(record as T);
      }
    }
    return records;
  }

  async #save(kind: Kind, record: { readonly id: string }): Promise<void> {
    const path = this.#path(kind, record.id);
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

  async #delete(kind: Kind, id: string): Promise<void> {
    const path = this.#path(kind, id);
    try {
      await rm(path, { force: true });
    } catch (error) {
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
  let reason: string;
  try {
    const { version, record } = (JSON.parse(await readFile(path, 'utf8'), readInfinity) ?? {}) as {
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
    reason = error instanceof Error ? error.message : String(error);
  }
  await rename(path, `${path}.unreadable`);
  problems.push(unreadable(path, reason, 'set aside as .unreadable'));
  return undefined;
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
  return value === 'infinite' && key.endsWith('At') ? Infinity : value;
}

function unreadable(path: string, reason: string, fate: string): PluginError {
  return new PluginError(
    'STATE_UNREADABLE',
    `state file ${path} is not usable: ${reason}; ${fate}`,
  );
}

function unwritable(path: string, cause: unknown): PluginError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PluginError(
    'STATE_UNWRITABLE',
    `state cannot be written to ${path}: ${reason}; free space or mend permissions there`,
    { cause },
  );
}
