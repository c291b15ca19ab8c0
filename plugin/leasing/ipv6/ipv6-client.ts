/**
 * One container's IPv6: it hears the routers of the segment, takes an address of a prefix or leases
 * one, and proves it unused. It is the shell around the machines of `ndp/` and `dhcp6/`: at most
 * one socket, one timer each.
 *
 * IPv6 never stands in the way of IPv4: nothing here is thrown at a caller.
 */
import type { Effect } from '../../dhcp6/client/client.ts';
import { clientFrame, encodeFrame } from '../../dhcp6/frame.ts';
import type { Dhcp6Message } from '../../dhcp6/message.ts';
import { encodeNdpFrame, type NdpFrame } from '../../ndp/frame.ts';
import { defaultRouters, type RouterTable } from '../../ndp/routers.ts';
import type { SolicitationEffect } from '../../ndp/solicitation.ts';
import { isSameAddress6, type Address6 } from '../../vocabulary/ipv6/addressing.ts';
import type { Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Ms } from '../../vocabulary/time.ts';
import { interfaceIdOf, linkLocalOf, type Ipv6 } from '../../wire/address6.ts';
import { Ipv6Seen, type Ipv6Evidence } from '../start/ipv6-evidence.ts';
import type { Ipv6Progress } from '../start/ipv6-goals.ts';
import type { SocketPlace } from '../sockets/frame-socket.ts';
import { AddressProbes } from './address-probes.ts';
import { Ipv6Channel } from './ipv6-channel.ts';
import { Dhcp6Talk } from './dhcp6-talk.ts';
import { solicitationOf, type SolicitationRunner } from './ipv6-machines.ts';
import { bestAddress, planFor, planWithin, type Ipv6Plan } from './ipv6-plan.ts';
import { PrefixAddress } from './prefix-address.ts';
import type { Ipv6Change, Ipv6ClientDeps, Ipv6Subject, Ipv6Terms } from './ipv6-subject.ts';

export class Ipv6Client {
  readonly #subject: Ipv6Subject;
  readonly #deps: Ipv6ClientDeps;
  readonly #channel: Ipv6Channel;
  readonly #probes: AddressProbes;
  readonly #prefix: PrefixAddress;
  readonly #dhcp: Dhcp6Talk;
  readonly #solicitation: SolicitationRunner;
  #unsubscribe: () => void = () => undefined;
  #lease: Lease6 | undefined;
  #told: Address6 | undefined;
  /** Addresses of the lease that another host may have: the answer is not known yet. */
  readonly #unproven = new Set<Ipv6>();
  #isResumed = false;
  readonly #seen: Ipv6Seen;
  #whenReleased: (() => void) | undefined;

  constructor(subject: Ipv6Subject, deps: Ipv6ClientDeps) {
    this.#subject = subject;
    this.#deps = deps;
    const { clock, random, log, mac, acd, openSocket } = deps;
    this.#channel = new Ipv6Channel({
      ...{ clock, log, openSocket, mac },
      onMessage: (message) => this.#dhcp.hear(message),
      onNeighbour: (frame) => this.#hear(frame),
    });
    this.#probes = new AddressProbes({
      ...{ clock, log, mac, mode: acd },
      send: (frame) => this.#channel.send(frame),
      onFree: (address) => this.#proven(address),
      onConflict: (address) => this.#inConflict(address),
    });
    this.#prefix = new PrefixAddress(this.#probes);
    const { duid, iaid, hostName, wishedAddress } = subject;
    this.#seen = new Ipv6Seen(subject, log);
    this.#dhcp = new Dhcp6Talk({
      ...{ clock, random, log, mayDecline: () => deps.mayDecline() },
      ...{ onUnused: deps.onUnused, onRepeated: deps.onRepeated },
      config: {
        ...{ duid, iaid, hostName, wishedAddress, rapidCommit: deps.rapidCommit },
        ...{ retransmit: 'container-start', allowedServers: [], dad: acd !== 'off' },
      },
      send: (message) => this.#sendMessage(message),
      onLease: (effect, answerMs) => this.#leased(effect, answerMs),
      onCheck: (address) => this.#check(address),
      onReleased: () => this.#whenReleased?.(),
      onTold: (effect) => this.#seen.told(effect),
    });
    this.#solicitation = solicitationOf(clock, mac, (effect) => this.#solicit(effect));
  }

  /** What the container may have now. */
  get terms(): Ipv6Terms {
    const { given, contested } = this.#prefix;
    return { address: this.#best(), lease: this.#lease, given, contested };
  }

  /** What its server would miss. It may not be proven unused yet. */
  get leased(): Lease6 | undefined {
    return this.#lease ?? this.#dhcp.leased;
  }

  /** How far it has come, for whoever waits for the first address. */
  get progress(): Ipv6Progress {
    return { hasAddress: this.#best() !== undefined, isSettled: this.#isSettled() };
  }

  /** Begins, at the place that was opened. @param previous a lease to ask about first. */
  start(previous: Lease6 | undefined, patience: Ms): void {
    this.#begin();
    if (previous !== undefined) this.#dhcp.confirm(previous, patience);
    this.#followRouters();
  }

  /** After a restart of the plugin: the container has had the address all the time. */
  resume({ address, lease, given, contested }: Ipv6Terms): void {
    this.#told = address;
    this.#isResumed = true;
    if (given !== undefined) this.#prefix.give(given);
    const had = given ?? (address?.source === 'slaac' ? address : undefined);
    this.#prefix.resume(had?.address, contested);
    this.#lease = lease;
    this.#begin();
    if (lease !== undefined) this.#dhcp.resume(lease);
    this.#followRouters();
  }

  /** Docker was told that address, which no server leased. The container keeps it. */
  give(address: Address6): void {
    this.#prefix.give(address);
    if (address.source === 'static') this.#dhcp.endLease();
    this.#followRouters();
  }

  rename(hostName: string | undefined): void {
    this.#dhcp.rename(hostName);
  }

  /** The way to servers and routers is open again. */
  askNow(): void {
    this.#dhcp.askNow();
    this.#solicitation.dispatch({ type: 'link' });
  }

  /** What has been seen so far, to explain why there is no address. */
  get evidence(): Ipv6Evidence {
    const routers = this.#table.map(({ address }) => address);
    return { routers, plan: this.#plan(), ...this.#seen.all };
  }

  /** The container's kernel has the addresses now, and answers for them. */
  configured(): void {
    this.#probes.kernelAnswers();
  }

  /** Takes another place and gives up the old one. */
  open(place: SocketPlace, onError?: (error: Error) => void): Error | undefined {
    return this.#channel.open(place, !this.#isExpecting(), onError);
  }

  get place(): SocketPlace | undefined {
    return this.#channel.place;
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
    this.#dhcp.release(lease);
  }

  /** Ends it silently. */
  stop(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => undefined;
    this.#dhcp.reset();
    this.#solicitation.reset();
    this.#probes.close();
    this.closeSocket();
  }

  #begin(): void {
    const { routers, mac } = this.#deps;
    this.#probes.begin(linkLocalOf(mac));
    const follow = () => this.#deps.guard(() => this.#followRouters());
    this.#unsubscribe = routers.subscribe(this.#subject.routersOn, follow);
  }

  get #table(): RouterTable {
    return this.#deps.routers.table(this.#subject.routersOn);
  }

  /** Does what the routers say now. */
  #followRouters(): void {
    const table = this.#table;
    const now = this.#deps.clock.now();
    if (defaultRouters(table, now).length > 0) this.#solicitation.dispatch({ type: 'advertised' });
    else if (this.#solicitation.state.name === 'IDLE') {
      this.#solicitation.dispatch({ type: 'start' });
    }
    const plan = this.#plan();
    if (plan.dhcp === 'lease') this.#dhcp.wantLease();
    if (plan.dhcp === 'information') this.#dhcp.wantInformation();
    // After a restart the routers are heard anew. Until then the container keeps what it has.
    if (table.length > 0) this.#isResumed = false;
    if (!this.#isResumed) this.#prefix.follow(plan.slaac);
    this.#tell(undefined);
  }

  #plan(): Ipv6Plan {
    const { clock, mac } = this.#deps;
    const { mode, subnet, token = interfaceIdOf(mac), wishedAddress } = this.#subject;
    const plan = planFor(mode, this.#table, token, clock.now(), wishedAddress);
    return subnet === undefined ? plan : planWithin(plan, this.#prefix.given);
  }

  #proven(address: Ipv6): void {
    this.#unproven.delete(address);
    this.#prefix.proven(address);
    this.#dhcp.checked(address, false);
    this.#tell(undefined);
  }

  #inConflict(address: Ipv6): void {
    this.#seen.conflict(address);
    this.#probes.end(address);
    this.#unproven.delete(address);
    this.#prefix.inConflict(address);
    this.#dhcp.checked(address, true);
    this.#tell('conflict');
  }

  #best(): Address6 | undefined {
    const isProven = ({ address }: { address: Ipv6 }) => !this.#unproven.has(address);
    const leased = this.#lease?.addresses.filter(isProven) ?? [];
    const [told, { subnet }, other] = [this.#told, this.#subject, this.#prefix.usable];
    return bestAddress({ leased, told, subnet, other });
  }

  /** Tells what has changed. While somebody waits for the first answer, that is the answer. */
  #tell(cause: Ipv6Change['cause'], isRenewed = false, answerMs?: Ms): void {
    const [before, address] = [this.#told, this.#best()];
    // The container keeps the address of before until the next one is proven.
    if (address === undefined && this.#unproven.size > 0) return;
    this.#told = address;
    this.#deps.onProgress();
    const isSame = isSameAddress6(before, address);
    if (isSame && !isRenewed) return;
    const other = before === undefined ? 'acquired' : 'changed';
    const change = isSame ? 'renewed' : address === undefined ? 'lost' : other;
    const why = change === 'lost' ? (cause ?? 'no-router') : cause;
    this.#deps.onChange({ change, cause: why, address, lease: this.#lease, answerMs });
  }

  #isSettled(): boolean {
    const isAnswered =
      this.#subject.mode === 'dhcp' ||
      this.#table.length > 0 ||
      this.#solicitation.state.name === 'UNANSWERED';
    const plan = this.#plan();
    const isLeased = plan.dhcp !== 'lease' || this.#lease !== undefined;
    return isAnswered && isLeased && this.#prefix.isSettled(plan.slaac);
  }

  /** True if an answer may be on its way. */
  #isExpecting(): boolean {
    const isSoliciting = this.#solicitation.state.name === 'SOLICITING';
    return this.#dhcp.isExpecting || isSoliciting || this.#probes.isAsking;
  }

  #leased(effect: Effect & { readonly type: 'lease' }, answerMs?: Ms): void {
    this.#lease = effect.change === 'lost' ? undefined : effect.lease;
    this.#tell(effect.cause, effect.change === 'renewed', answerMs);
  }

  #check(address: Ipv6): void {
    if (this.#probes.begin(address)) this.#dhcp.checked(address, false);
    else this.#unproven.add(address);
  }

  #solicit(effect: SolicitationEffect): void {
    if (effect.type === 'send') return void this.#channel.send(encodeNdpFrame(effect.frame));
    this.#deps.log.info({}, 'no router has advertised itself; an IPv6 address may come later');
    this.#deps.onProgress();
  }

  #sendMessage(message: Dhcp6Message): boolean {
    // The server asks for our address before it answers. A switch may have forgotten our wish.
    this.#probes.report();
    return this.#channel.send(encodeFrame(clientFrame(this.#deps.mac, message)));
  }

  #hear(frame: NdpFrame): void {
    const { message } = frame;
    if (message.type !== 'router-advertisement') return this.#probes.hear(frame);
    this.#deps.routers.hear(this.#subject.routersOn, { ...frame, message });
  }
}
