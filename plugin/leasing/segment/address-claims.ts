/**
 * Counts who else uses a container's address, for the log and the status. The log gets a line at
 * once and then at most one a minute. In a flood only the first frames are heard, so the count is a
 * lower bound.
 */
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import type { Instant, Ms, WallTime } from '../../vocabulary/time.ts';
import type { Ipv4, Mac } from '../../wire/address.ts';

const TOLD_EVERY: Ms = 60_000;

export class AddressClaims {
  /** The last host that was heard. */
  by: Mac | undefined;
  readonly since: WallTime;
  lastAt: WallTime;
  /** The number of frames heard. */
  count = 0;
  /** The number of announcements sent against them. */
  defences = 0;
  readonly #address: Ipv4;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Undefined until the first line in the log. */
  #toldAt: Instant | undefined;
  #toldCount = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(address: Ipv4, { clock, log }: { clock: Clock; log: Logger }) {
    this.#address = address;
    this.#clock = clock;
    this.#log = log;
    this.since = clock.wall();
    this.lastAt = this.since;
  }

  note(by: Mac, isAnswered: boolean): void {
    this.by = by;
    this.lastAt = this.#clock.wall();
    this.count += 1;
    if (isAnswered) this.defences += 1;
    if (this.#toldAt === undefined) return this.#tell();
    const dueAt = this.#toldAt + TOLD_EVERY;
    if (this.#clock.now() >= dueAt) return this.#tell();
    // One line for all that comes until then.
    if (this.#toldCount === this.count - 1) {
      this.#cancelTimer = this.#clock.at(dueAt, () => this.#tell());
    }
  }

  /** Logs nothing more. */
  close(): void {
    this.#cancelTimer();
  }

  #tell(): void {
    this.#cancelTimer();
    this.#toldAt = this.#clock.now();
    this.#toldCount = this.count;
    const { by, count, defences } = this;
    this.#log.warn(
      { address: this.#address, by, heard: count, defences },
      'another host uses our address, which is kept and announced again every 10 s: find that host by its MAC',
    );
  }
}
