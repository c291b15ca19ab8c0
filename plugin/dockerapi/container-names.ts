/**
 * Learns the names of containers from Docker's API, after they have started. It hears which
 * networks get containers, and asks for the containers of those. A name that changes is told again.
 */
import * as v from 'valibot';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import { ContainerServices } from './container-services.ts';
import type { DockerApi } from './docker-api.ts';

export interface NamedContainer {
  readonly id: string;
  /** As `docker ps` shows it. */
  readonly name: string;
}

type Known = NamedContainer & { readonly networkId: string };

export interface ContainerNamesDeps {
  readonly api: DockerApi;
  readonly clock: Clock;
  readonly log: Logger;
  /** The NetworkIDs of our networks now. */
  readonly networks: () => readonly string[];
  /** Told when a name is learnt or has changed. */
  readonly onName: (endpointId: string, container: NamedContainer) => void;
}

/** A burst of starts is one question. */
const ASK_AFTER: Ms = 100;
/** After a question that was not answered. */
const ASK_AGAIN_AFTER: Ms = 10_000;
const FIRST_WAIT: Ms = 1_000;
const LONGEST_WAIT: Ms = 60_000;
/** A server may change the address at each renewal. Each restart costs a container its work. */
const RESTARTED_EVERY: Ms = 600_000;

const RESTARTED_LATELY =
  'lease changed again within 10 min of a restart of the container, which is restarted again when they are over; see to the DHCP server';

const EVENTS = `/events?filters=${encodeURIComponent(
  JSON.stringify({ type: ['container', 'network'], event: ['connect', 'disconnect', 'rename'] }),
)}`;

const event = v.object({
  Type: v.string(),
  Actor: v.object({ ID: v.string(), Attributes: v.record(v.string(), v.string()) }),
});
const network = v.object({
  Name: v.optional(v.string()),
  Containers: v.optional(
    v.nullable(v.record(v.string(), v.object({ Name: v.string(), EndpointID: v.string() }))),
  ),
});

export class ContainerNames {
  readonly #deps: ContainerNamesDeps;
  /** By EndpointID. What is not on a network any more is dropped when that network is looked at. */
  readonly #names = new Map<string, Known>();
  /** Names of networks by their ids. Dropped with the network. */
  readonly #networks = new Map<string, string>();
  /** EndpointIDs whose container is restarted when it is known, each with its network's id. */
  readonly #restarts = new Map<string, string>();
  /** NetworkIDs to ask about. */
  readonly #due = new Set<string>();
  #cancelAsk: () => void = () => undefined;
  #askAt: Instant = Infinity;
  #cancelRetry: () => void = () => undefined;
  #stream: { close(): void } | undefined;
  #wait: Ms = FIRST_WAIT;
  #openedAt: Instant = Infinity;
  /** By container: when it was restarted, and the restart that waits. Dropped when it is over. */
  readonly #restarted = new Map<string, { readonly at: Instant; cancel: () => void }>();
  #isTold = false;
  readonly #services: ContainerServices;

  constructor(deps: ContainerNamesDeps) {
    this.#deps = deps;
    this.#services = new ContainerServices(deps.api);
  }

  networkName(networkId: string): string | undefined {
    return this.#networks.get(networkId);
  }

  /** The container that has the endpoint, as far as is known. */
  nameOf(endpointId: string): NamedContainer | undefined {
    return this.#names.get(endpointId);
  }

  /** Its service of Compose or Swarm. Undefined if it has none, or if that is not known. */
  serviceOf(endpointId: string): string | undefined {
    const container = this.#names.get(endpointId);
    return container && this.#services.of(container.id);
  }

  /**
   * Restarts the container that has the endpoint, if need be when its name is learnt. What fails is
   * logged.
   */
  restart({ id: endpointId, networkId }: { id: string; networkId: string }): void {
    const { log } = this.#deps;
    const container = this.#names.get(endpointId);
    const fields = { endpoint: endpointId.slice(0, 12), container: container?.name };
    if (container === undefined) {
      this.#restarts.set(endpointId, networkId);
      log.warn(fields, "container is restarted when Docker's API has told which one it is");
      return this.#askSoon([networkId]);
    }
    this.#restartOnce(container.id, endpointId, fields);
  }

  /** Of several changes within RESTARTED_EVERY the last one restarts it again when that is over. */
  #restartOnce(id: string, endpointId: string, fields: object): void {
    const { api, clock, log } = this.#deps;
    const now = clock.now();
    const last = this.#restarted.get(id);
    if (last !== undefined) {
      log.warn(fields, RESTARTED_LATELY);
      last.cancel();
      last.cancel = clock.at(last.at + RESTARTED_EVERY, () => {
        this.#restarted.delete(id);
        if (this.#names.get(endpointId)?.id === id) this.#restartOnce(id, endpointId, fields);
      });
      return;
    }
    const cancel = clock.at(now + RESTARTED_EVERY, () => void this.#restarted.delete(id));
    this.#restarted.set(id, { at: now, cancel });
    log.warn(fields, 'container restarted, because its lease has changed');
    api.post(`/containers/${id}/restart`).catch((err: unknown) => {
      log.error({ ...fields, err }, 'container not restarted');
    });
  }

  start(): void {
    const { api, networks } = this.#deps;
    this.#stream = api.follow(EVENTS, {
      onOpen: () => {
        this.#openedAt = this.#deps.clock.now();
        // What happened before the stream was open was not heard.
        this.#askSoon(networks());
      },
      onObject: (object) => this.#hear(object),
      onEnd: (error) => this.#ended(error),
    });
  }

  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
    this.#cancelRetry();
    this.#cancelAsk();
    for (const { cancel } of this.#restarted.values()) cancel();
    this.#restarted.clear();
  }

  /** dockerd restarts, or the socket is none. */
  #ended(err: Error): void {
    const { clock, log } = this.#deps;
    if (clock.now() - this.#openedAt > LONGEST_WAIT) {
      this.#wait = FIRST_WAIT;
      this.#isTold = false;
    }
    this.#openedAt = Infinity;
    log[this.#isTold ? 'debug' : 'warn'](
      { err },
      "container names are not known: Docker's API does not answer; it is tried again",
    );
    this.#isTold = true;
    this.#cancelRetry = clock.at(clock.now() + this.#wait, () => this.start());
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT);
  }

  #hear(object: unknown): void {
    const parsed = v.safeParse(event, object);
    if (!parsed.success) return;
    const { Type: type, Actor: actor } = parsed.output;
    if (type === 'network' && this.#deps.networks().includes(actor.ID)) this.#askSoon([actor.ID]);
    if (type === 'container') this.#renamed(actor.ID, actor.Attributes['name'] ?? '');
  }

  #renamed(id: string, name: string): void {
    for (const { id: own, name: before, networkId } of this.#names.values()) {
      if (own === id && before !== name) this.#askSoon([networkId]);
    }
  }

  #askSoon(networkIds: readonly string[], wait = ASK_AFTER): void {
    for (const id of networkIds) this.#due.add(id);
    const { clock, networks } = this.#deps;
    if (this.#stream === undefined) return;
    const at = clock.now() + wait;
    if (at >= this.#askAt) return;
    this.#cancelAsk();
    this.#askAt = at;
    this.#cancelAsk = clock.at(at, () => {
      this.#askAt = Infinity;
      const ours = networks();
      const due = ours.filter((id) => this.#due.has(id));
      this.#due.clear();
      this.#forget(({ networkId }) => !ours.includes(networkId));
      for (const id of this.#networks.keys()) if (!ours.includes(id)) this.#networks.delete(id);
      for (const id of due) void this.#ask(id);
    });
  }

  #forget(isGone: (known: Known, endpointId: string) => boolean): void {
    for (const [endpointId, known] of this.#names) {
      if (isGone(known, endpointId)) this.#names.delete(endpointId);
    }
  }

  async #ask(networkId: string): Promise<void> {
    const { api, log } = this.#deps;
    try {
      const told = v.parse(network, await api.get(`/networks/${networkId}`));
      const { Name: networkName, Containers: all } = told;
      if (networkName !== undefined) this.#networks.set(networkId, networkName);
      const containers = Object.entries(all ?? {});
      const present = new Set(containers.map(([, { EndpointID: endpointId }]) => endpointId));
      this.#forget(
        (known, endpointId) => known.networkId === networkId && !present.has(endpointId),
      );
      for (const [id, { Name: name, EndpointID: endpointId }] of containers) {
        this.#learn(endpointId, { id, name, networkId });
      }
      for (const [endpointId, own] of this.#restarts) {
        if (own === networkId) this.#restarts.delete(endpointId); // it is gone
      }
      this.#services.keep(new Set([...this.#names.values()].map(({ id }) => id)));
      await this.#services.learn(containers.map(([id]) => id));
    } catch (err) {
      log.debug({ err, network: networkId.slice(0, 12) }, 'container names could not be read');
      this.#askSoon([networkId], ASK_AGAIN_AFTER);
    }
  }

  #learn(endpointId: string, container: Known): void {
    const name = container.name.replace(/^\//, '');
    if (name === '' || this.#names.get(endpointId)?.name === name) return;
    this.#names.set(endpointId, { ...container, name });
    this.#deps.onName(endpointId, { id: container.id, name });
    if (this.#restarts.delete(endpointId)) this.restart({ ...container, id: endpointId });
  }
}
