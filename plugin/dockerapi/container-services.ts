/**
 * Learns from Docker's API to which service of Compose or Swarm a container belongs. A label never
 * changes, so each container is asked about once.
 */
import * as v from 'valibot';
import type { DockerApi } from './docker-api.ts';

/** In the order in which they count. */
const LABELS = ['com.docker.compose.service', 'com.docker.swarm.service.name'];

/** Their ids are in the path of the request: 64 digits each. */
const ASKED_AT_ONCE = 50;

const containers = v.array(
  v.object({ Id: v.string(), Labels: v.nullish(v.record(v.string(), v.string())) }),
);

export class ContainerServices {
  readonly #api: Pick<DockerApi, 'get'>;
  /** By the id of the container. Bounded by the containers of our networks: see `keep`. */
  readonly #services = new Map<string, string | undefined>();

  constructor(api: Pick<DockerApi, 'get'>) {
    this.#api = api;
  }

  /** Undefined if the container is of no service, or if that is not known. */
  of(containerId: string): string | undefined {
    return this.#services.get(containerId);
  }

  /** Asks about those that are not known yet. @throws Error if the daemon does not answer. */
  async learn(containerIds: readonly string[]): Promise<void> {
    const unknown = containerIds.filter((id) => !this.#services.has(id));
    for (let from = 0; from < unknown.length; from += ASKED_AT_ONCE) {
      const id = unknown.slice(from, from + ASKED_AT_ONCE);
      const filters = encodeURIComponent(JSON.stringify({ id }));
      const told = await this.#api.get(`/containers/json?all=true&filters=${filters}`);
      for (const { Id, Labels } of v.parse(containers, told)) {
        const names = LABELS.map((label) => Labels?.[label]);
        this.#services.set(
          Id,
          names.find((name) => name),
        );
      }
    }
  }

  /** Forgets all others. */
  keep(containerIds: ReadonlySet<string>): void {
    for (const id of this.#services.keys()) if (!containerIds.has(id)) this.#services.delete(id);
  }
}
