/**
 * Networks and leases as they are now: asked for at the start, after each event that may have
 * changed them, and every 30 s while somebody looks.
 */
import type { NetworkEntry } from '../../cli/admin-client.ts';
import type { Lease } from '../model/leases.ts';

export interface PluginState {
  readonly version: string;
  readonly networks: readonly NetworkEntry[];
  readonly leases: readonly Lease[];
  /** How far the clock of the host is ahead of this browser's. */
  readonly aheadMs: number;
}

export interface Poller {
  /** Something has changed. */
  ask(): void;
  end(): void;
}

/** One event seldom comes alone: twenty containers may start together. */
const BETWEEN_MS = 1_000;
const AT_REST_MS = 30_000;

/** @param onFailure told in one sentence why there is no answer. */
export function pollState(
  onState: (state: PluginState) => void,
  onFailure: (why: string) => void,
): Poller {
  let timer: number | undefined;
  let dueAt = Infinity;
  let lastAt = -Infinity;
  let isAsking = false;
  let isEnded = false;

  const plan = (delay: number): void => {
    const at = performance.now() + delay;
    if (isEnded || at >= dueAt) return;
    window.clearTimeout(timer);
    dueAt = at;
    timer = window.setTimeout(() => void ask(), delay);
  };
  const ask = async (): Promise<void> => {
    dueAt = Infinity;
    if (isAsking) return plan(BETWEEN_MS);
    isAsking = true;
    lastAt = performance.now();
    try {
      if (!document.hidden) onState(await readState());
    } catch (error) {
      onFailure((error as Error).message);
    } finally {
      isAsking = false;
      plan(AT_REST_MS);
    }
  };
  const soon = (): void => plan(Math.max(0, lastAt + BETWEEN_MS - performance.now()));
  const shown = (): void => {
    if (!document.hidden) soon();
  };
  document.addEventListener('visibilitychange', shown);
  plan(0);
  return {
    ask: soon,
    end: () => {
      isEnded = true;
      window.clearTimeout(timer);
      document.removeEventListener('visibilitychange', shown);
    },
  };
}

async function readState(): Promise<PluginState> {
  const [plugin, networks, leases] = await Promise.all([
    get<{ version?: string }>('/v1/plugin'),
    get<{ networks: NetworkEntry[] }>('/v1/networks'),
    get<{ leases: Lease[] }>('/v1/leases'),
  ]);
  return {
    ...{ version: plugin.body.version ?? '', aheadMs: plugin.aheadMs },
    ...{ networks: networks.body.networks, leases: leases.body.leases },
  };
}

interface Answer<Body> {
  readonly body: Body;
  readonly aheadMs: number;
}

async function get<Body>(path: string): Promise<Answer<Body>> {
  const response = await fetch(path, { signal: AbortSignal.timeout(10_000) }).catch(() => {
    throw new Error('the plugin does not answer');
  });
  if (!response.ok) {
    const { error } = (await response.json().catch(() => ({}))) as { error?: string };
    throw new Error(error ?? `the plugin answered ${path} with status ${response.status}`);
  }
  const told = Date.parse(response.headers.get('date') ?? '');
  const aheadMs = Number.isNaN(told) ? 0 : told - Date.now();
  return { body: (await response.json()) as Body, aheadMs };
}
