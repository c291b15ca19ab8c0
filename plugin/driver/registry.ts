/**
 * Networks and endpoints in memory, and the only writer of them in the store: what is here is on disk.
 * Bounded by what Docker has on this host.
 */
import { PluginError } from '../errors.ts';
import { completeRecord, type EndpointRecord, type NetworkRecord } from './records.ts';

export interface RecordStore {
  saveNetwork(record: NetworkRecord): Promise<void>;
  saveEndpoint(record: EndpointRecord): Promise<void>;
  deleteNetwork(id: string): Promise<void>;
  deleteEndpoint(id: string): Promise<void>;
}

export class Registry {
  readonly #store: RecordStore;
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #endpoints = new Map<string, EndpointRecord>();

  constructor(store: RecordStore) {
    this.#store = store;
  }

  /** Takes in what the store already holds. */
  adopt(contents: {
    networks: readonly NetworkRecord[];
    endpoints: readonly EndpointRecord[];
  }): void {
    for (const network of contents.networks) this.#networks.set(network.id, network);
    for (const endpoint of contents.endpoints) {
      this.#endpoints.set(endpoint.id, completeRecord(endpoint));
    }
  }

  networks(): readonly NetworkRecord[] {
    return [...this.#networks.values()];
  }

  endpoints(): readonly EndpointRecord[] {
    return [...this.#endpoints.values()];
  }

  findNetwork(id: string): NetworkRecord | undefined {
    return this.#networks.get(id);
  }

  /** @throws PluginError NETWORK_UNKNOWN. */
  requireNetwork(id: string): NetworkRecord {
    const network = this.#networks.get(id);
    if (network !== undefined) return network;
    throw new PluginError(
      'NETWORK_UNKNOWN',
      `network ${id.slice(0, 12)} is not in this plugin's state; remove it and create it again`,
    );
  }

  findEndpoint(id: string): EndpointRecord | undefined {
    return this.#endpoints.get(id);
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  async addNetwork(record: NetworkRecord): Promise<void> {
    await this.#store.saveNetwork(record);
    this.#networks.set(record.id, record);
  }

  /** Adds or replaces. @throws PluginError STATE_UNWRITABLE; then nothing has changed. */
  async addEndpoint(record: EndpointRecord): Promise<void> {
    await this.#store.saveEndpoint(record);
    this.#endpoints.set(record.id, record);
  }

  async removeNetwork(id: string): Promise<void> {
    this.#networks.delete(id);
    await this.#store.deleteNetwork(id);
  }

  async removeEndpoint(id: string): Promise<void> {
    this.#endpoints.delete(id);
    await this.#store.deleteEndpoint(id);
  }
}
