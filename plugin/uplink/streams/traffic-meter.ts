/** How much passes: by that a member knows when a pause of some seconds harms nobody. */
import type { Clock } from '../../clock.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';

const SPAN: Ms = 10_000;
/** The words of a member and the broadcasts of a quiet VLAN. */
const IDLE_BYTES = 65_536;

export class TrafficMeter {
  readonly #clock: Pick<Clock, 'now'>;
  #since: Instant;
  #bytes = 0;
  #before = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#since = clock.now();
  }

  add(bytes: number): void {
    this.#roll();
    this.#bytes += bytes;
  }

  get isIdle(): boolean {
    this.#roll();
    return this.#bytes < IDLE_BYTES && this.#before < IDLE_BYTES;
  }

  #roll(): void {
    const age = this.#clock.now() - this.#since;
    if (age < SPAN) return;
    this.#before = age < 2 * SPAN ? this.#bytes : 0;
    this.#bytes = 0;
    this.#since = this.#clock.now();
  }
}
