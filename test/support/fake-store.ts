/** The plugin's memory without a disk: as JSON, so that nothing but plain data gets through. */
import { PluginError } from '../../plugin/errors.ts';
import type { EndpointRecord, HeldRecord, NetworkRecord } from '../../plugin/driver/records.ts';
import type { RecordStore } from '../../plugin/driver/registry.ts';

export class FakeStore implements RecordStore {
  readonly #networks = new Map<string, NetworkRecord>();
  readonly #endpoints = new Map<string, EndpointRecord>();
  readonly #held = new Map<string, HeldRecord>();
  /** Calls that fail until taken out again. */
  readonly failing = new Set<keyof RecordStore>();

  get networks(): NetworkRecord[] {
    return [...this.#networks.values()];
  }

  get endpoints(): EndpointRecord[] {
    return [...this.#endpoints.values()];
  }

  get held(): HeldRecord[] {
    return [...this.#held.values()];
  }

  get contents() {
    return { networks: this.networks, endpoints: this.endpoints, held: this.held };
  }

  async saveHeld(record: HeldRecord): Promise<void> {
    await this.#attempt('saveHeld');
    this.#held.set(record.id, structuredClone(record));
  }

  async deleteHeld(id: string): Promise<void> {
    await this.#attempt('deleteHeld');
    this.#held.delete(id);
  }

  async saveNetwork(record: NetworkRecord): Promise<void> {
    await this.#attempt('saveNetwork');
    this.#networks.set(record.id, structuredClone(record));
  }

  async saveEndpoint(record: EndpointRecord): Promise<void> {
    await this.#attempt('saveEndpoint');
    this.#endpoints.set(record.id, structuredClone(record));
  }

  async deleteNetwork(id: string): Promise<void> {
    await this.#attempt('deleteNetwork');
    this.#networks.delete(id);
  }

  async deleteEndpoint(id: string): Promise<void> {
    await this.#attempt('deleteEndpoint');
    this.#endpoints.delete(id);
  }

  async #attempt(call: keyof RecordStore): Promise<void> {
    await Promise.resolve();
    if (this.failing.has(call)) throw new PluginError('STATE_UNWRITABLE', `${call} failed`);
  }
}
