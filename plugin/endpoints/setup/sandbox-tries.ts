/**
 * Work in the sandboxes of endpoints that is tried again when it fails. The first failure is an
 * error in the log. Those that follow it, until the work succeeds, are not told again.
 */
import type { Clock } from '../../clock.ts';
import type { KeyedLock } from '../../keyed-lock.ts';
import type { Logger } from '../../logger.ts';
import { LinkTries } from '../../networks/link-tries.ts';

export interface SandboxTriesDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly lock: KeyedLock;
}

export class SandboxTries {
  readonly #deps: SandboxTriesDeps;
  readonly #trouble: string;
  readonly #work: (endpointId: string) => Promise<void>;
  /** Endpoints whose failure was logged. */
  readonly #told = new Set<string>();
  readonly #tries: LinkTries;

  /** @param trouble a sentence for the log. @param work runs under the lock of the endpoint. */
  constructor(
    deps: SandboxTriesDeps,
    trouble: string,
    work: (endpointId: string) => Promise<void>,
  ) {
    this.#deps = deps;
    this.#trouble = trouble;
    this.#work = work;
    this.#tries = new LinkTries(deps.clock);
  }

  /** Never throws. */
  async run(endpointId: string): Promise<void> {
    const { lock, log } = this.#deps;
    this.#tries.cancel(endpointId);
    try {
      await lock.run(endpointId, () => this.#work(endpointId));
      this.#told.delete(endpointId);
    } catch (err) {
      const level = this.#told.has(endpointId) ? 'debug' : 'error';
      this.#told.add(endpointId);
      log[level]({ endpoint: endpointId.slice(0, 12), err }, this.#trouble);
      this.#tries.later(endpointId, () => void this.run(endpointId));
    }
  }

  forget(endpointId: string): void {
    this.#told.delete(endpointId);
    this.#tries.cancel(endpointId);
  }

  close(): void {
    this.#tries.close();
  }
}
