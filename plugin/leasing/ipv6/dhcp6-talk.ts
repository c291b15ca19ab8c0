/**
 * What one container asks of DHCPv6 servers: a lease, or configuration without an address. It is
 * the shell around the two machines of `dhcp6/client/`.
 */
import type { Clock } from '../../clock.ts';
import type { Effect, Env } from '../../dhcp6/client/client.ts';
import type { Dhcp6Message } from '../../dhcp6/message.ts';
import type { Logger } from '../../logger.ts';
import { withoutRenewal6, type Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { Ipv6 } from '../../wire/address6.ts';
import { MachineRunner, type RunnerOf } from '../../runtime/machine-runner.ts';
import { DHCP6, INFORMATION } from './ipv6-machines.ts';
import { reportDhcp6 } from './ipv6-report.ts';

export interface Dhcp6TalkDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly config: Env['config'];
  /** False: too many DECLINEs were sent on this segment. */
  readonly mayDecline: () => boolean;
  readonly send: (message: Dhcp6Message) => void;
  readonly onLease: (effect: Effect & { readonly type: 'lease' }) => void;
  /** The address is to be proven unused. */
  readonly onCheck: (address: Ipv6) => void;
  /** The lease was given back, or its server did not answer. */
  readonly onReleased: () => void;
  /** Told of each message that neither machine makes anything of. */
  readonly onUnused?: ((reason: string) => void) | undefined;
  /** Told of what servers said that is no lease. */
  readonly onTold: (effect: Dhcp6Told) => void;
}

export type Dhcp6Told = Effect & { readonly type: 'refused' | 'ignored' };

/** A server may refuse each of many requests. Anybody on the VLAN can do so in its name. */
const MOST_REFUSALS_TOLD = 8;

export class Dhcp6Talk {
  /** The refusals that were logged since the last lease. */
  readonly #refusals = new Set<string>();
  readonly #lease: RunnerOf<typeof DHCP6>;
  readonly #information: RunnerOf<typeof INFORMATION>;
  readonly #onUnused: Dhcp6TalkDeps['onUnused'];
  /** Why the machines ignored the message that they are told now, the lease's first. */
  #unused: string[] = [];
  #config: Env['config'];

  constructor(deps: Dhcp6TalkDeps) {
    this.#config = deps.config;
    this.#onUnused = deps.onUnused;
    const { clock, random, log, mayDecline, send } = deps;
    const env = (now: number): Env => ({ now, random, mayDecline, config: this.#config });
    this.#lease = new MachineRunner(DHCP6, {
      ...{ clock, env },
      perform: (effect) => {
        if (effect.type === 'send') send(effect.message);
        else if (effect.type === 'lease') {
          if (effect.change !== 'lost') this.#refusals.clear();
          deps.onLease(effect);
        } else if (effect.type === 'check') deps.onCheck(effect.address);
        else this.#report(log, effect);
        if (effect.type === 'refused' || effect.type === 'ignored') deps.onTold(effect);
      },
      performed: ({ name }) => {
        if (name === 'STOPPED') deps.onReleased();
      },
    });
    this.#information = new MachineRunner(INFORMATION, {
      ...{ clock, env },
      perform: (effect) =>
        effect.type === 'send' ? send(effect.message) : this.#report(log, effect),
    });
  }

  #report(log: Logger, effect: Parameters<typeof reportDhcp6>[1]): void {
    if (effect.type === 'ignored') this.#unused.push(effect.reason);
    if (effect.type === 'refused') {
      const key = `${effect.by} ${effect.status}`;
      if (this.#refusals.has(key) || this.#refusals.size >= MOST_REFUSALS_TOLD) return;
      this.#refusals.add(key);
    }
    reportDhcp6(log, effect);
  }

  /** Asks for a lease, if nothing was asked yet. */
  wantLease(): void {
    if (this.#lease.state.name === 'INIT') this.#lease.dispatch({ type: 'start' });
  }

  /** Asks about a lease of before first, unless another address must be had. */
  confirm(previous: Lease6, patience: Ms): void {
    const { wishedAddress } = this.#config;
    if (!previous.addresses.some(({ address }) => (wishedAddress ?? address) === address)) return;
    this.#lease.dispatch({ type: 'start', previous, patience });
  }

  wantInformation(): void {
    this.#information.dispatch({ type: 'start' });
  }

  resume(lease: Lease6): void {
    this.#lease.dispatch({ type: 'resume', lease });
  }

  /** Gives back a lease that it does not hold. */
  release(lease: Lease6): void {
    this.resume(withoutRenewal6(lease));
    this.#lease.dispatch({ type: 'release' });
  }

  /** Asks for no lease any more, and gives back one that it holds. */
  endLease(): void {
    if (this.#lease.state.name !== 'INIT') this.#lease.dispatch({ type: 'release' });
  }

  /** The way to the servers is open again: what waits for its next time is asked now. */
  askNow(): void {
    if (this.isExpecting) {
      this.#lease.dispatch({ type: 'link', up: true });
      this.#information.dispatch({ type: 'link', up: true });
    }
  }

  checked(address: Ipv6, inUse: boolean): void {
    this.#lease.dispatch({ type: 'checked', address, inUse });
  }

  hear(message: Dhcp6Message): void {
    this.#unused = [];
    this.#lease.dispatch({ type: 'message', message });
    this.#information.dispatch({ type: 'message', message });
    const [ofLease, ofInformation] = this.#unused;
    if (ofLease === undefined || ofInformation === undefined) return;
    this.#onUnused?.(this.#lease.state.name === 'INIT' ? ofInformation : ofLease);
  }

  /** The next message has the name. */
  rename(hostName: string | undefined): void {
    this.#config = { ...this.#config, hostName };
  }

  /** What a server has leased, also while it is being proven unused. */
  get leased(): Lease6 | undefined {
    return 'lease' in this.#lease.state ? this.#lease.state.lease : undefined;
  }

  /** True if an answer may be on its way. */
  get isExpecting(): boolean {
    const isAtRest = ['INIT', 'BOUND', 'STOPPED'].includes(this.#lease.state.name);
    return !isAtRest || this.#information.state.name === 'ASKING';
  }

  /** Ends both silently. */
  reset(): void {
    this.#lease.reset();
    this.#information.reset();
  }
}
