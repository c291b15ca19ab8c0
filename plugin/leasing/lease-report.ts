/**
 * Logs which parts of a lease are not used, that the server does not answer, and that a conflict is
 * not reported to the server. Logs each only once.
 */
import type { Clock } from '../clock.ts';
import type { Effect } from '../dhcp4/client/client.ts';
import type { Logger } from '../logger.ts';
import { durationText, type Instant } from '../vocabulary/time.ts';
import type { Ipv4 } from '../wire/address.ts';
import type { LastHeard } from './trace.ts';

/** A server may send something else each time. After this many messages nothing more is logged. */
const MOST_TOLD = 32;

export class LeaseReport {
  readonly #log: Logger;
  readonly #clock: Clock;
  /** At most MOST_TOLD. */
  readonly #told = new Set<string>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  dropped({ by, what }: Extract<Effect, { type: 'dropped' }>): void {
    for (const each of what) {
      if (this.#told.has(each) || this.#told.size >= MOST_TOLD) continue;
      this.#told.add(each);
      this.#log.warn({ server: by, dropped: each }, 'part of the lease is not used');
    }
  }

  /** Called again and again while another host has the address. */
  withheld(address: Ipv4): void {
    const isTold = this.#told.has(address) || this.#told.size >= MOST_TOLD;
    if (!isTold) this.#told.add(address);
    this.#log[isTold ? 'debug' : 'error'](
      { address },
      'conflict not told to the DHCP server: too many DECLINEs lately',
    );
  }

  unanswered(
    { since, lease }: Extract<Effect, { type: 'unanswered' }>,
    lastHeard: LastHeard | undefined,
  ): void {
    const { address, serverId: server, expiresAt, requestedAt } = lease;
    const heard = lastHeard ?? { type: 'ACK', from: server, at: requestedAt };
    const fields = {
      ...{ address, server, left: durationText(expiresAt - this.#clock.now()) },
      lastWord: `${heard.type} from ${heard.from} at ${this.#wallTime(heard.at)}`,
    };
    if (since === 'T1') this.#log.info(fields, 'lease not renewed yet: its server does not answer');
    else this.#log.warn(fields, 'lease not renewed: its server does not answer, all are asked now');
  }

  #wallTime(at: Instant): string {
    return new Date(this.#clock.wall() - (this.#clock.now() - at)).toISOString();
  }
}
