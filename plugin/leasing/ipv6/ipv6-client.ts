/**
 * One container's IPv6: it hears the routers of the segment, takes an address of a prefix or leases
 * one, and proves it unused. It is the shell around the machines of `ndp/` and `dhcp6/`: at most
 * one socket, one timer each.
 *
 * IPv6 never stands in the way of IPv4: nothing here is thrown at a caller.
 */
import type { Effect, Env } from '../../dhcp6/client/client.ts';
import { clientFrame, encodeFrame } from '../../dhcp6/frame.ts';
import type { Dhcp6Message } from '../../dhcp6/message.ts';
import { encodeNdpFrame, type NdpFrame } from '../../ndp/frame.ts';
import { replayOf } from '../../ndp/replay.ts';
import { defaultRouters } from '../../ndp/routers.ts';
import type { SolicitationEffect } from '../../ndp/solicitation.ts';
import { isSameAddress6, type Address6 } from '../../vocabulary/ipv6/addressing.ts';
import { withoutRenewal6, type Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Ms } from '../../vocabulary/time.ts';
import { interfaceIdOf, linkLocalOf, type Ipv6 } from '../../wire/address6.ts';
import { MachineRunner, type RunnerOf } from '../machine-runner.ts';
import type { SocketPlace } from '../sockets/frame-socket.ts';
import { AddressProbes } from './address-probes.ts';
import { Ipv6Channel } from './ipv6-channel.ts';
import { DHCP6, INFORMATION, SOLICITATION } from './ipv6-machines.ts';
import { planFor, type Ipv6Plan } from './ipv6-plan.ts';
import { reportDhcp6 } from './ipv6-report.ts';
import { PrefixAddress } from './prefix-address.ts';
import type { Ipv6Change, Ipv6ClientDeps, Ipv6Subject, Ipv6Terms } from './ipv6-subject.ts';

export class Ipv6Client {
  readonly #subject: Ipv6Subject;
  readonly #deps: Ipv6ClientDeps;
  readonly #channel: Ipv6Channel;
  readonly #probes: AddressProbes;
  readonly #prefix: PrefixAddress;
  readonly #dhcp: RunnerOf<typeof DHCP6>;
  readonly #information: RunnerOf<typeof INFORMATION>;
  readonly #solicitation: RunnerOf<typeof SOLICITATION>;
  #unsubscribe: () => void = () => undefined;
  #lease: Lease6 | undefined;
  #told: Address6 | undefined;
  #isResumed = false;
  #waiting: (() => void)[] = [];
  #whenReleased: (() => void) | undefined;

  constructor(subject: Ipv6Subject, deps: Ipv6ClientDeps) {
    this.#subject = subject;
    this.#deps = deps;
    const { clock, random, log, mac, acd, openSocket } = deps;
    this.#channel = new Ipv6Channel({
      ...{ clock, log, openSocket, mac },
      onMessage: (message) => {
        this.#dhcp.dispatch({ type: 'message', message });
        this.#information.dispatch({ type: 'message', message });
      },
      onNeighbour: (frame) => this.#hear(frame),
    });
    this.#probes = new AddressProbes({
      ...{ clock, log, mac, mode: acd },
      send: (frame) => this.#channel.send(frame),
      onFree: (address) => this.#proven(address),
      onConflict: (address) => this.#inConflict(address),
    });
    this.#prefix = new PrefixAddress(this.#probes);
    const { duid, iaid, wishedAddress } = subject;
    const config: Env['config'] = {
      ...{ duid, iaid, hostName: undefined, wishedAddress, rapidCommit: deps.rapidCommit },
      ...{ retransmit: 'container-start', allowedServers: [], dad: acd !== 'off' },
    };
    const mayDecline = () => deps.mayDecline();
    const env = (now: number): Env => ({ now, random, mayDecline, config });
    this.#dhcp = new MachineRunner(DHCP6, {
      ...{ clock, env },
      perform: (effect) => this.#perform(effect),
      performed: ({ name }) => {
        if (name === 'STOPPED') this.#whenReleased?.();
      },
    });
    this.#information = new MachineRunner(INFORMATION, {
      ...{ clock, env },
      perform: (effect) =>
        effect.type === 'send' ? this.#sendMessage(effect.message) : reportDhcp6(log, effect),
    });
    this.#solicitation = new MachineRunner(SOLICITATION, {
      clock,
      env: (now) => ({ now, config: { mac } }),
      perform: (effect) => this.#solicit(effect),
    });
  }

  /** What the container may have now. */
  get terms(): Ipv6Terms {
    return { address: this.#best(), lease: this.#lease };
  }

  /** Begins, at the place that was opened. @param previous a lease to ask about first. */
  start(previous: Lease6 | undefined, patience: Ms): void {
    this.#begin();
    if (previous !== undefined) this.#dhcp.dispatch({ type: 'start', previous, patience });
    this.#followRouters();
  }

  /** After a restart of the plugin: the container has had the address all the time. */
  resume({ address, lease }: Ipv6Terms): void {
    this.#told = address;
    this.#isResumed = true;
    if (address?.source === 'slaac') this.#prefix.resume(address.address);
    this.#begin();
    if (lease !== undefined) {
      this.#lease = lease;
      this.#dhcp.dispatch({ type: 'resume', lease });
    }
    this.#followRouters();
  }

  /** Resolves when all that the routers offer is there, or will not come. */
  async settled(): Promise<void> {
    if (!this.#isSettled()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /**
   * The newest advertisement of each router, for the container alone: its kernel was not there when
   * they were sent.
   */
  replay(): readonly Uint8Array[] {
    const now = this.#deps.clock.now();
    const table = this.#deps.routers.table(this.#subject.routersOn);
    return table.map((router) => encodeNdpFrame(replayOf(router, now)));
  }

  /** The container's kernel has the addresses now, and answers for them. */
  configured(): void {
    this.#probes.kernelAnswers();
  }

  /** Takes another place and gives up the old one. */
  open(place: SocketPlace): void {
    this.#channel.open(place, !this.#isExpecting());
  }

  closeSocket(): void {
    this.#channel.close();
  }

  /**
   * Gives a lease back over that link of the host. The container's own link may be gone. The client
   * must not have been started.
   * @param then called in the end, when the server has answered, or has not after four messages.
   */
  release(link: string, lease: Lease6, then: () => void): void {
    this.open({ link, promiscuous: true });
    // The server asks for our link-local address before it answers.
    this.#probes.answerFor(linkLocalOf(this.#deps.mac));
    this.#whenReleased = () => {
      this.#whenReleased = undefined;
      this.stop();
      then();
    };
    this.#dhcp.dispatch({ type: 'resume', lease: withoutRenewal6(lease) });
    this.#dhcp.dispatch({ type: 'release' });
  }

  /** Ends it silently. */
  stop(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => undefined;
    this.#dhcp.reset();
    this.#information.reset();
    this.#solicitation.reset();
    this.#probes.close();
    this.closeSocket();
    this.#wake();
  }

  #begin(): void {
    const { routers, mac } = this.#deps;
    this.#probes.begin(linkLocalOf(mac));
    const follow = () => this.#deps.guard(() => this.#followRouters());
    this.#unsubscribe = routers.subscribe(this.#subject.routersOn, follow);
  }

  /** Does what the routers say now. */
  #followRouters(): void {
    const now = this.#deps.clock.now();
    const table = this.#deps.routers.table(this.#subject.routersOn);
    if (defaultRouters(table, now).length > 0) this.#solicitation.dispatch({ type: 'advertised' });
    else if (this.#solicitation.state.name === 'IDLE') {
      this.#solicitation.dispatch({ type: 'start' });
    }
    const plan = this.#plan();
    if (plan.dhcp === 'lease' && this.#dhcp.state.name === 'INIT') {
      this.#dhcp.dispatch({ type: 'start' });
    }
    if (plan.dhcp === 'information') this.#information.dispatch({ type: 'start' });
    // After a restart the routers are heard anew. Until then the container keeps what it has.
    if (table.length > 0) this.#isResumed = false;
    if (!this.#isResumed) this.#prefix.follow(plan.slaac);
    this.#tell(undefined);
  }

  #plan(): Ipv6Plan {
    const { clock, routers, mac } = this.#deps;
    const { mode, routersOn } = this.#subject;
    return planFor(mode, routers.table(routersOn), interfaceIdOf(mac), clock.now());
  }

  #proven(address: Ipv6): void {
    this.#prefix.proven(address);
    this.#dhcp.dispatch({ type: 'checked', address, inUse: false });
    this.#tell(undefined);
  }

  #inConflict(address: Ipv6): void {
    this.#probes.end(address);
    this.#prefix.inConflict(address);
    this.#dhcp.dispatch({ type: 'checked', address, inUse: true });
    this.#tell('conflict');
  }

  #best(): Address6 | undefined {
    const leased = this.#lease?.addresses[0];
    if (leased !== undefined) {
      return { address: leased.address, prefixLength: 128, source: 'dhcp' };
    }
    const address = this.#prefix.usable;
    return address && { address, prefixLength: 64, source: 'slaac' };
  }

  /** Tells what has changed. While somebody waits for the first answer, that is the answer. */
  #tell(cause: Ipv6Change['cause'], isRenewed = false): void {
    const [before, address] = [this.#told, this.#best()];
    this.#told = address;
    this.#wakeIfSettled();
    const isSame = isSameAddress6(before, address);
    if (isSame && !isRenewed) return;
    const other = before === undefined ? 'acquired' : 'changed';
    const change = isSame ? 'renewed' : address === undefined ? 'lost' : other;
    const why = change === 'lost' ? (cause ?? 'no-router') : cause;
    this.#deps.onChange({ change, cause: why, address, lease: this.#lease });
  }

  #isSettled(): boolean {
    const { mode, routersOn } = this.#subject;
    const isAnswered =
      mode === 'dhcp' ||
      this.#deps.routers.table(routersOn).length > 0 ||
      this.#solicitation.state.name === 'UNANSWERED';
    const plan = this.#plan();
    const isLeased = plan.dhcp !== 'lease' || this.#lease !== undefined;
    return isAnswered && isLeased && this.#prefix.isSettled(plan.slaac);
  }

  /** After the start nobody waits, and nothing is worked out. */
  #wakeIfSettled(): void {
    if (this.#waiting.length > 0 && this.#isSettled()) this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** True if an answer may be on its way. */
  #isExpecting(): boolean {
    const isAtRest = ['INIT', 'BOUND', 'STOPPED'].includes(this.#dhcp.state.name);
    const isAsking = this.#solicitation.state.name === 'SOLICITING' || this.#probes.isAsking;
    return !isAtRest || isAsking || this.#information.state.name === 'ASKING';
  }

  #perform(effect: Effect): void {
    if (effect.type === 'send') return this.#sendMessage(effect.message);
    if (effect.type === 'lease') {
      this.#lease = effect.change === 'lost' ? undefined : effect.lease;
      return this.#tell(effect.cause, effect.change === 'renewed');
    }
    if (effect.type !== 'check') return reportDhcp6(this.#deps.log, effect);
    const { address } = effect;
    if (!this.#probes.begin(address)) return;
    this.#dhcp.dispatch({ type: 'checked', address, inUse: false });
  }

  #solicit(effect: SolicitationEffect): void {
    if (effect.type === 'send') return this.#channel.send(encodeNdpFrame(effect.frame));
    this.#deps.log.info({}, 'no router has advertised itself; an IPv6 address may come later');
    this.#wakeIfSettled();
  }

  #sendMessage(message: Dhcp6Message): void {
    this.#channel.send(encodeFrame(clientFrame(this.#deps.mac, message)));
  }

  #hear(frame: NdpFrame): void {
    const { message } = frame;
    if (message.type !== 'router-advertisement') return this.#probes.hear(frame);
    this.#deps.routers.hear(this.#subject.routersOn, { ...frame, message });
  }
}
