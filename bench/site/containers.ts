/**
 * Starts many containers by the engine's API. So no command-line programs run during the
 * measurement.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { engineCall } from './site.ts';

export interface Burst {
  /** From the first request to the last answer. */
  readonly ms: number;
  /** The engine's errors for containers that did not start. */
  readonly failures: readonly string[];
}

interface Listed {
  readonly Id: string;
  readonly State: string;
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { IPAddress: string }>> };
}

export async function create(
  count: number,
  network: string,
  restart: 'no' | 'always' = 'no',
): Promise<string[]> {
  const ids: string[] = [];
  for (let number = 0; number < count; number += 1) {
    const { Id } = await engineCall<{ Id: string }>('POST', '/containers/create', {
      Image: 'bb',
      HostConfig: { NetworkMode: network, RestartPolicy: { Name: restart } },
    });
    ids.push(Id);
  }
  return ids;
}

/** Starts all at once. */
export async function startAll(ids: readonly string[]): Promise<Burst> {
  const before = performance.now();
  const ends = await Promise.allSettled(
    ids.map((id) => engineCall('POST', `/containers/${id}/start`)),
  );
  const failures = ends.flatMap((end) =>
    end.status === 'rejected' ? [end.reason instanceof Error ? end.reason.message : 'unknown'] : [],
  );
  return { ms: performance.now() - before, failures };
}

export async function removeAll(ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => engineCall('DELETE', `/containers/${id}?force=1`)));
}

/**
 * Counts those of the containers that run and have an address of their own on the network,
 * according to the engine.
 */
export async function countReady(ids: readonly string[], network: string): Promise<number> {
  const all = await engineCall<readonly Listed[]>('GET', '/containers/json');
  const wanted = new Set(ids);
  const addresses = all
    .filter(({ Id, State }) => wanted.has(Id) && State === 'running')
    .map(({ NetworkSettings }) => NetworkSettings.Networks[network]?.IPAddress ?? '')
    .filter((address) => address !== '');
  return new Set(addresses).size;
}

/** @returns how long it took until all were ready. Undefined if time was up. */
export async function waitForAll(
  ids: readonly string[],
  network: string,
  withinMs: number,
): Promise<number | undefined> {
  const before = performance.now();
  while (performance.now() - before < withinMs) {
    if ((await countReady(ids, network)) === ids.length) return performance.now() - before;
    await delay(100);
  }
  return undefined;
}

/** Removes the containers after `use`, also if it failed. Then both failures are reported. */
export async function removedAfter<Result>(
  ids: readonly string[],
  use: () => Promise<Result>,
): Promise<Result> {
  let result: Result;
  try {
    result = await use();
  } catch (error) {
    await removeAll(ids).catch((second: unknown) => {
      throw new Error(`${String(error)}; and removing the containers: ${String(second)}`);
    });
    throw error;
  }
  await removeAll(ids);
  return result;
}
