/** The addresses of a hub. WireGuard never resolves a name, so it is done for each try. */
import { isIP } from 'node:net';
import { parseEndpoint } from '../../protocol/value-schemas.ts';

export type Resolve = (endpoint: string) => Promise<readonly string[]>;

export class HubAddresses {
  readonly #endpoints: readonly string[];
  readonly #resolve: Resolve;
  #found: readonly string[];
  /** One at a time. A name server that is away is not asked again before it was given up. */
  #search: Promise<void> | undefined;

  /** @param endpoints `HOST:PORT`, at least one. */
  constructor(endpoints: readonly string[], resolve: Resolve) {
    this.#endpoints = endpoints;
    this.#resolve = resolve;
    this.#found = endpoints;
  }

  /** `ADDRESS:PORT`, at least one. Until a name was resolved it stands for its address. */
  get all(): readonly string[] {
    return this.#found;
  }

  /** What was found before stays if no name is known now. */
  lookUp(): Promise<void> {
    this.#search ??= this.#find().finally(() => (this.#search = undefined));
    return this.#search;
  }

  async #find(): Promise<void> {
    const found = (await Promise.all(this.#endpoints.map(this.#resolve))).flat();
    if (found.length > 0) this.#found = [...new Set(found)];
  }

  /** What to show of that attempt: all in turn. */
  at(attempt: number): string {
    return this.#found[attempt % this.#found.length] ?? '';
  }

  /** The address to try at that attempt. Undefined while it is a name that is not known. */
  reachable(attempt: number): string | undefined {
    const endpoint = this.at(attempt);
    return isAddress(endpoint) ? endpoint : undefined;
  }
}

/** True unless the host of the endpoint is a name. */
export function isAddress(endpoint: string): boolean {
  return isIP(parseEndpoint(endpoint)?.host ?? '') !== 0;
}
