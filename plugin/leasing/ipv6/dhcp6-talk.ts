/**
 * What one container asks of DHCPv6 servers: a lease, or configuration without an address. It is
 * the shell around the two machines of `dhcp6/client/`.
 */
import type { Clock } from '../../clock.ts';
import type { Effect, Env, Event, State } from '../../dhcp6/client/client.ts';
import type { Dhcp6Message, MessageType } from '../../dhcp6/message.ts';
import type { Logger } from '../../logger.ts';
import { withoutRenewal6, type Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
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
  /** @returns false if the message could not be sent. */
  readonly send: (message: Dhcp6Message) => boolean;
  /** @param answerMs how long the server took. Undefined if no answer brought the change. */
  readonly onLease: (effect: Effect & { readonly type: 'lease' }, answerMs: Ms | undefined) => void;
  /** Told of each question for a lease that is sent again, because nobody has answered. */
  readonly onRepeated?: ((message: MessageType) => void) | undefined;
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
  readonly #answer = new AnswerTime();

  constructor(deps: Dhcp6TalkDeps) {
    this.#config = deps.config;
    this.#onUnused = deps.onUnused;
    const { clock, random, log, mayDecline, send } = deps;
    const env = (now: number): Env => ({ now, random, mayDecline, config: this.#config });
    this.#lease = new MachineRunner(DHCP6, {
      ...{ clock, env },
      stepped: (_state, before, event) => this.#answer.stepped(before, event, clock.now()),
      perform: (effect) => {
        if (effect.type === 'ignored') this.#answer.ignored();
        if (effect.type === 'send') this.#send(effect.message, deps);
        else if (effect.type === 'lease') {
          if (effect.change !== 'lost') this.#refusals.clear();
          const answerMs = this.#answer.take();
          deps.onLease(effect, effect.change === 'lost' ? undefined : answerMs);
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
        effect.type === 'send' ? void send(effect.message) : this.#report(log, effect),
    });
  }

  #send(message: Dhcp6Message, { send, onRepeated }: Dhcp6TalkDeps): void {
    const { state } = this.#lease;
    if (send(message) && isAskedAgain(state, message)) onRepeated?.(message.type);
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

/** @param state of the client after it has sent the message. */
function isAskedAgain(state: State, { xid }: Dhcp6Message): boolean {
  if (!('exchange' in state) || state.exchange.xid !== xid || state.exchange.sends === 1)
    return false;
  return state.name !== 'RELEASING' && state.name !== 'DECLINING';
}

/**
 * How long a server took: from the first message of an exchange to the answer that brought the
 * lease. The lease is told later if its addresses have to be proven unused.
 */
class AnswerTime {
  #ms: Ms | undefined;

  /** @param before the state in which the event came. */
  stepped(before: State, { type }: Event | { readonly type: 'tick' }, now: Instant): void {
    if (!('exchange' in before)) return; // nobody is asked now
    this.#ms = type === 'message' ? now - before.exchange.startedAt : undefined;
  }

  /** The message was no answer. */
  ignored(): void {
    this.#ms = undefined;
  }

  /** Undefined if no answer has brought the present change. */
  take(): Ms | undefined {
    const ms = this.#ms;
    this.#ms = undefined;
    return ms;
  }
}
