/** Names for a command that goes on: containers come that Docker did not know at the beginning. */
import type { LeaseEntry } from '../admin-client.ts';
import { readNames, type Names, type RunDocker } from '../docker.ts';

/** By what a container is known to both Docker and the plugin. */
export type Subject = Pick<LeaseEntry, 'mac' | 'endpoint'>;

/** Each reading is three calls of docker. */
const NAMES_READ_EVERY_MS = 2_000;

/** While a command follows, containers come that Docker did not know at the beginning. */
export class FreshNames {
  readonly #docker: RunDocker;
  readonly #now: () => number;
  #names: Names;
  #readAt: number;

  constructor(names: Names, docker: RunDocker, now: () => number) {
    this.#names = names;
    this.#docker = docker;
    this.#now = now;
    this.#readAt = now();
  }

  /** Asks Docker again if that container has no name, and not too often. */
  async of(subject: Subject | undefined): Promise<Names> {
    if (subject === undefined) return this.#names;
    return this.#fresh(this.#names.container(subject) !== undefined);
  }

  /** Asks Docker again if the network of that event has no name, and not too often. */
  async ofNetwork(event: { readonly network?: string | undefined } | object): Promise<Names> {
    const id = 'network' in event ? event.network : undefined;
    return this.#fresh(id === undefined || this.#names.isNetwork(id));
  }

  async #fresh(isKnown: boolean): Promise<Names> {
    if (isKnown || this.#now() - this.#readAt < NAMES_READ_EVERY_MS) return this.#names;
    this.#readAt = this.#now();
    this.#names = await readNames(this.#docker);
    return this.#names;
  }
}
