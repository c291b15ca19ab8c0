/**
 * Where a stream goes first: the proxy, the first jump host, or the hub. The route to that host
 * decides whether the stream lives, so it is watched, and not the route to the hub.
 */
import { proxyWords } from '../../streams/proxy/proxy-way.ts';
import { firstSshHost } from '../../streams/ssh-way.ts';
import type { StreamWay } from '../../streams/open-carrier.ts';
import type { Resolve } from './hub-addresses.ts';

export interface FirstHopDeps {
  readonly resolve: Resolve;
  /** What the settings of `ssh` make of a host that was typed. */
  readonly sshHostName: (host: string) => Promise<string>;
}

export class FirstHop {
  readonly #deps: FirstHopDeps;
  readonly #found: () => void;
  #endpoint: string | undefined;
  /** One at a time. A name server may be away. Undefined: nothing is looked up. */
  #search: object | undefined;

  /** @param found called when it is known, or known anew. */
  constructor(deps: FirstHopDeps, found: () => void) {
    this.#deps = deps;
    this.#found = found;
  }

  /** `ADDRESS:PORT`. Undefined: not known. */
  get endpoint(): string | undefined {
    return this.#endpoint;
  }

  /** There is another way. What is still being looked up is of the old one. */
  forget(): void {
    this.#endpoint = this.#search = undefined;
  }

  /** A stream is open by that way. Nobody waits for the name. */
  lookUp(way: StreamWay): void {
    if (this.#search !== undefined) return;
    const search = (this.#search = {});
    this.#find(way)
      .catch(() => undefined) // its way is not watched, as if there was no name
      .then((first) => {
        if (this.#search !== search) return;
        this.#search = undefined;
        if (first === undefined) return;
        this.#endpoint = first;
        this.#found();
      })
      .catch(() => undefined);
  }

  async #find(way: StreamWay): Promise<string | undefined> {
    const [first] = await this.#deps.resolve(await this.#named(way));
    return first;
  }

  async #named(way: StreamWay): Promise<string> {
    if (way.is === 'tls') {
      const { hostname, port } = new URL(way.url);
      return way.proxy === undefined ? `${hostname}:${port || 443}` : proxyWords(way.proxy);
    }
    const { host, port } = firstSshHost(way.via);
    return proxyWords({ host: await this.#deps.sshHostName(host), port });
  }
}
