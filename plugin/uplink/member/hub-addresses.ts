/** The addresses of a hub. WireGuard never resolves a name, so it is done for each try. */

export type Resolve = (endpoint: string) => Promise<readonly string[]>;

export class HubAddresses {
  readonly #endpoints: readonly string[];
  readonly #resolve: Resolve;
  #found: readonly string[];

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
  async lookUp(): Promise<void> {
    const found = await Promise.all(this.#endpoints.map(this.#resolve));
    if (found.flat().length > 0) this.#found = [...new Set(found.flat())];
  }

  /** The address to try at that attempt: all in turn. */
  at(attempt: number): string {
    return this.#found[attempt % this.#found.length] ?? '';
  }
}
