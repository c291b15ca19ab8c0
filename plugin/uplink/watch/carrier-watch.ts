/**
 * What an operator is told of the links of the uplinks: the carrier of each trunk, and links that
 * somebody removed. It stands between the uplinks and the kernel, and tells what was done.
 */
import type { Clock } from '../../clock.ts';
import type { Recorded } from '../../runtime/history/recorded.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { MemberLinks } from '../desired.ts';
import type { UplinkEmit, UplinkEvent } from './uplink-events.ts';

/** The kernel tells of a link that we remove ourselves some moments later. */
const OWN_CHANGES: Ms = 200;

export interface CarrierWatchDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly emit: UplinkEmit;
  /** What was told before this process, oldest first: a restart is no change of the carrier. */
  readonly history: readonly Recorded<UplinkEvent>[];
  readonly siteOf: (device: string) => string;
}

export class CarrierWatch {
  readonly #deps: CarrierWatchDeps;
  /** By device, as it was told. Bounded by the uplinks of this host, as all of these are. */
  readonly #told = new Map<string, boolean>();
  /** Those that have a trunk now. */
  readonly #trunks = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #changedAt = new Map<string, Instant>();

  constructor(deps: CarrierWatchDeps) {
    this.#deps = deps;
    for (const event of deps.history) {
      if (event.type === 'carrier.up') this.#told.set(event.uplink, true);
      if (event.type === 'carrier.down') this.#told.set(event.uplink, false);
    }
  }

  /** True if the trunk is there and has its carrier. */
  isUp(device: string): boolean {
    return this.#trunks.has(device) && this.#told.get(device) === true;
  }

  links(links: MemberLinks): MemberLinks {
    return {
      ...links,
      ensure: async (desired) => {
        const { device, trunk } = desired;
        this.#changes(device);
        await links.ensure(desired);
        this.#changes(device);
        if (this.#gone.delete(device)) this.#tell('links.repaired', device);
        if (trunk === undefined) return this.#lost(device);
        this.#trunks.add(device);
        this.#is(device, trunk.carrier);
      },
      setCarrier: async (device, up) => {
        await links.setCarrier(device, up);
        if (this.#trunks.has(device)) this.#is(device, up);
      },
      remove: async (device) => {
        this.#changes(device);
        await links.remove(device);
        this.#changes(device);
        this.#gone.delete(device);
        this.#lost(device);
      },
      watchGone: (device, onGone) =>
        links.watchGone(device, () => {
          const { clock } = this.#deps;
          const ago = clock.now() - (this.#changedAt.get(device) ?? -Infinity);
          if (ago > OWN_CHANGES) this.#gone.add(device);
          onGone();
        }),
    };
  }

  #changes(device: string): void {
    this.#changedAt.set(device, this.#deps.clock.now());
  }

  #lost(device: string): void {
    this.#trunks.delete(device);
    if (this.#told.get(device) === true) this.#is(device, false);
  }

  #is(device: string, up: boolean): void {
    if (this.#told.get(device) === up) return;
    this.#told.set(device, up);
    this.#tell(up ? 'carrier.up' : 'carrier.down', device);
  }

  #tell(type: 'carrier.up' | 'carrier.down' | 'links.repaired', device: string): void {
    const { emit, siteOf } = this.#deps;
    emit({ type, uplink: device, site: siteOf(device) });
  }
}
