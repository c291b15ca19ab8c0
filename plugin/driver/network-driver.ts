/**
 * The network driver for Docker's API: networks and endpoints in one object. After a restart, calls
 * wait for the recovery, so that none works with half of the records.
 */
import type { Clock } from '../clock.ts';
import type { CreateEndpointRequest } from '../endpoints/endpoint-setup.ts';
import type { CreateEndpointAnswer } from '../endpoints/answers.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';
import type { HostAccess } from '../hostaccess/host-access.ts';
import type { HeldLeases } from '../leases/held-leases.ts';
import { KeyedLock } from '../keyed-lock.ts';
import type { JoinAnswer } from '../endpoints/answers.ts';
import type { CreateNetworkRequest } from '../options/network-requests.ts';
import type { Networks } from '../networks/networks.ts';
import type { Registry } from '../state/registry.ts';
import { allStatus } from '../state/status/network-list.ts';
import type { NetworkStatus, SegmentsSeen } from '../state/status/status.ts';
import { runEach, UndoList } from '../undo.ts';
import { PluginError } from '../vocabulary/errors.ts';

export const NO_DOCKER_API =
  "the plugin cannot restart containers, because Docker's API was not given to it; give it (docs/names.md), or create the network with on_change=apply or on_change=keep";

export class NetworkDriver {
  readonly #registry: Registry;
  readonly #networks: Networks;
  readonly #endpoints: Endpoints;
  readonly #held: HeldLeases;
  readonly #hostAccess: HostAccess;
  readonly #clock: Clock;
  readonly #recovered: Promise<void>;
  readonly #claims: SegmentsSeen;
  readonly #hasDockerApi: boolean;
  /**
   * Creation with its undo, and removal, take turns for each network. A creation waits some seconds
   * for the host's lease, at most.
   */
  readonly #turns = new KeyedLock();

  constructor(deps: {
    registry: Registry;
    networks: Networks;
    endpoints: Endpoints;
    held: HeldLeases;
    hostAccess: HostAccess;
    clock: Clock;
    recovered: Promise<void>;
    claims: SegmentsSeen;
    hasDockerApi: boolean;
  }) {
    this.#registry = deps.registry;
    this.#networks = deps.networks;
    this.#endpoints = deps.endpoints;
    this.#held = deps.held;
    this.#hostAccess = deps.hostAccess;
    this.#clock = deps.clock;
    this.#recovered = deps.recovered;
    this.#claims = deps.claims;
    this.#hasDockerApi = deps.hasDockerApi;
  }

  /** @throws PluginError; then nothing is left behind. */
  async createNetwork(request: CreateNetworkRequest, signal: AbortSignal): Promise<void> {
    await this.#recovered;
    await this.#turns.run(request.networkId, () => this.#createNetwork(request, signal));
  }

  async #createNetwork(request: CreateNetworkRequest, signal: AbortSignal): Promise<void> {
    const isNew = this.#registry.findNetwork(request.networkId) === undefined;
    if (isNew && request.options['on_change'] === 'restart' && !this.#hasDockerApi) {
      throw new PluginError('INVALID_OPTION', `on_change=restart: ${NO_DOCKER_API}`);
    }
    const isMade = await this.#networks.create(request, signal);
    const undo = new UndoList();
    if (isMade) undo.add(() => this.#removeNetwork(request.networkId));
    try {
      await this.#hostAccess.create(request.networkId, signal);
    } catch (error) {
      throw await undo.run(error);
    }
  }

  async removeNetwork(networkId: string): Promise<void> {
    await this.#recovered;
    await this.#turns.run(networkId, () => this.#removeNetwork(networkId));
  }

  /**
   * First come endpoints that dockerd forgot to delete, then held leases and the host's own one,
   * because a RELEASE needs the links.
   */
  async #removeNetwork(networkId: string): Promise<void> {
    const left = this.#registry.endpoints().filter((e) => e.networkId === networkId);
    await runEach(
      () => this.#networks.closing(networkId),
      ...left.map(
        ({ id }) =>
          () =>
            this.#endpoints.removeForgotten(id),
      ),
      () => this.#held.endScope(networkId),
      () => this.#hostAccess.remove(networkId, () => this.#networks.remove(networkId)),
    );
  }

  async createEndpoint(
    request: CreateEndpointRequest,
    signal: AbortSignal,
  ): Promise<CreateEndpointAnswer> {
    await this.#recovered;
    return this.#endpoints.create(request, signal);
  }

  async removeEndpoint(endpointId: string): Promise<void> {
    await this.#recovered;
    return this.#endpoints.remove(endpointId);
  }

  async join(endpointId: string, sandboxKey: string): Promise<JoinAnswer> {
    await this.#recovered;
    return this.#endpoints.join(endpointId, sandboxKey);
  }

  async leave(endpointId: string): Promise<void> {
    await this.#recovered;
    return this.#endpoints.leave(endpointId);
  }

  /** All networks and endpoints as they are now, and the leases of other drivers' containers. */
  status(): readonly NetworkStatus[] {
    return allStatus(this.#registry, this.#clock, this.#claims);
  }

  /** Never waits, because dockerd asks in every connect. */
  endpointInfo(endpointId: string): Readonly<Record<string, string>> {
    return this.#endpoints.info(endpointId);
  }
}
