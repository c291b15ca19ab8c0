/**
 * One uplink of this host: the shell around its machine. It performs the effects in their order,
 * and tells the machine what came of them.
 */
import type { Clock } from '../../clock.ts';
import { createQueue } from '../../keyed-lock.ts';
import { MachineRunner, type RunnerOf } from '../../runtime/machine-runner.ts';
import type { Instant } from '../../vocabulary/time.ts';
import type { MemberLinks } from '../desired.ts';
import type { PathWatch } from '../path/path-probe.ts';
import type { Resolve } from './tunnel/hub-addresses.ts';
import { LOG_WORDS } from './member-desired.ts';
import { memberMachine } from './member-state.ts';
import { addressOf, isByStream } from './tunnel/attempts.ts';
import { MemberTunnel } from './tunnel/member-tunnel.ts';
import { Question } from './tunnel/question.ts';
import { MemberStream, type StreamDeps } from './tunnel/member-stream.ts';
import type { UplinkRecord, UplinkStore } from './member-record.ts';
import type { RegistrarClient, Way, WordSocket } from './registrar-client.ts';
import type { MemberEffect, MemberEvent, MemberState } from './states.ts';
import { StoredRecord } from './stored-record.ts';
import { WayWatch, type Ways } from './tunnel/way-watch.ts';
import { messageOf } from '../../vocabulary/errors.ts';

export interface MemberDeps extends StreamDeps {
  readonly clock: Pick<Clock, 'now' | 'wall' | 'at'>;
  readonly links: MemberLinks;
  readonly registrar: RegistrarClient;
  readonly store: UplinkStore;
  /** All `ADDRESS:PORT` of a `HOST:PORT`. Empty if the name is not known now. */
  readonly resolve: Resolve;
  readonly ways: Ways;
  readonly hostName: string;
  /** Probes what passes the tunnel of that device. */
  readonly watchPath: (device: string, onWord: () => void) => PathWatch;
  readonly onChange?: (member: Member) => void;
  readonly onMove?: (member: Member, state: MemberState) => void;
}

export class Member {
  readonly #deps: MemberDeps;
  readonly #runner: RunnerOf<typeof memberMachine>;
  /** The kernel, the disk and the start of questions take turns, in the order of the effects. */
  readonly #turn = createQueue();
  readonly #stored: StoredRecord;
  #isEnded = false;
  readonly #question: Question;
  #word: WordSocket | undefined;
  #ways: WayWatch | undefined;
  readonly #stream: MemberStream;
  readonly #tunnel: MemberTunnel;
  readonly #path: PathWatch;
  #roundTripMs: number | undefined;
  #lastWordAt: Instant | undefined;
  #stateSince: Instant;
  readonly #settled: (() => void)[] = [];

  constructor(deps: MemberDeps, record: UplinkRecord) {
    this.#deps = deps;
    this.#stored = new StoredRecord(record, {
      ...{ store: deps.store, log: deps.log, wall: () => deps.clock.wall() },
      inTurn: (...work) => this.#inTurn(...work),
    });
    const path = (this.#path = deps.watchPath(record.device, () => this.#heard(NaN)));
    const own = () => this.record;
    this.#stream = new MemberStream(deps, own, () => this.#ways?.look());
    this.#tunnel = new MemberTunnel({ ...deps, stream: this.#stream, record: own, path });
    this.#question = new Question({
      ...{ ...deps, record: own, inTurn: (...work) => this.#inTurn(...work) },
      dispatch: (event) => this.#dispatch(event),
    });
    this.#stateSince = deps.clock.wall();
    this.#runner = new MachineRunner(memberMachine, {
      clock: deps.clock,
      env: (now) => ({
        ...{ now, addresses: this.#tunnel.addresses.all.length, ...this.#stream.ways },
        roundTripMs: this.#roundTripMs,
      }),
      perform: (effect) => this.#perform(effect),
      performed: (state, before) => this.#moved(state, before),
    });
  }

  get record(): UplinkRecord {
    return this.#stored.now;
  }

  get state(): MemberState {
    return this.#runner.state;
  }

  get seen() {
    return {
      since: this.#stateSince,
      stream: this.#stream.seen,
      isByStream: this.#isByStream,
      endpoint: this.#tunnel.addresses.at(addressOf(this.#attempt)),
      roundTripMs: this.#roundTripMs,
      silentMs:
        this.#lastWordAt === undefined ? undefined : this.#deps.clock.now() - this.#lastWordAt,
      addresses: this.#tunnel.addresses.all,
      pathMtu: this.#path.mtu,
    };
  }

  /** Who is revoked speaks no more. Its record has the way by which it spoke last. */
  get #isByStream(): boolean {
    if (this.state.name === 'REVOKED') return this.record.isByStream === true;
    return isByStream(this.#attempt);
  }

  get #attempt(): number {
    const { state } = this;
    return state.name === 'TRYING' ? state.back : 'attempt' in state ? state.attempt : 0;
  }

  /** Goes on from what the disk has. */
  start(): void {
    const { view } = this.record;
    this.#ways ??= new WayWatch({
      ...{ ...this.#deps, moved: () => this.#dispatch({ type: 'moved' }) },
      endpoints: () => this.#tunnel.dialled(this.#attempt),
    });
    this.#tunnel.watch(() => this.#dispatch({ type: 'links-gone' }), this.#deps.log);
    this.#word ??= this.#deps.registrar.openWord((ms) => this.#heard(ms));
    const byStream = this.record.isByStream === true;
    this.#dispatch(view === undefined ? { type: 'join' } : { type: 'resume', view, byStream });
  }

  rotate(): void {
    this.#dispatch({ type: 'rotate' });
  }

  /** Docker may be managed by this uplink, or not any more. @throws PluginError. */
  manage(isManaged: boolean): Promise<void> {
    return this.#turn(async () => {
      await this.#stored.setManaged(isManaged);
      const { state } = this;
      const carrier = !['SILENT', 'REVOKED'].includes(state.name);
      // While UDP is tried, the kernel speaks by UDP, and not by the way that `#attempt` tells.
      await this.#tunnel.ensureAgain('attempt' in state ? state.attempt : 0, carrier);
    });
  }

  /** Resolves when it is joined, failed or revoked, and what was begun in the kernel is done. */
  async settled(): Promise<MemberState> {
    while (['JOINING', 'CONFIRMING', 'ROTATING'].includes(this.state.name) && !this.#isEnded) {
      await new Promise<void>((resolve) => this.#settled.push(resolve));
    }
    await this.#turn(() => Promise.resolve());
    return this.state;
  }

  /** Stops speaking. The links stay (U5). */
  close(): void {
    this.#end();
    this.#stream.close();
  }

  #end(): void {
    this.#isEnded = true;
    this.#runner.reset();
    this.#question.hangUp();
    this.#word?.close();
    this.#ways?.close();
    this.#tunnel.close();
    this.#path.close();
    this.#release();
  }

  /** Removes all of it here, and tells the hub if it hears. @returns true if the hub was told. */
  async leave(): Promise<boolean> {
    const { view, device } = this.record;
    const { state } = this;
    const isAsked = view !== undefined && state.name !== 'REVOKED';
    this.#end();
    return this.#turn(async () => {
      // The kernel speaks by UDP, which may be blocked. The stream is still there.
      if (state.name === 'TRYING') await this.#tunnel.revive(state.back, true).catch(() => {});
      const isTold = isAsked && (await this.#deps.registrar.leave(this.#way(view.address)));
      this.#stream.close();
      await this.#deps.links.remove(device);
      await this.#deps.store.remove(device);
      return isTold;
    });
  }

  #dispatch(event: MemberEvent): void {
    if (!this.#isEnded) this.#runner.dispatch(event);
  }

  #heard(roundTripMs: number): void {
    const now = (this.#lastWordAt = this.#deps.clock.now());
    if (!Number.isNaN(roundTripMs)) this.#roundTripMs = roundTripMs;
    this.#dispatch({ type: 'word', isFresh: now - roundTripMs >= this.#tunnel.changedAt });
    const { view } = this.record;
    if (view !== undefined && !this.#isEnded) this.#path.heard(this.#way(view.address));
  }

  #moved(state: MemberState, before: MemberState): void {
    const byStream = state.name === 'UP' ? isByStream(state.attempt) : undefined;
    if (byStream !== undefined) this.#stored.keepWay(byStream);
    if (state.name === before.name) return;
    this.#stateSince = this.#deps.clock.wall();
    const { device: link, hub } = this.record;
    this.#deps.log.info({ link, site: hub.site, before: before.name }, LOG_WORDS[state.name]);
    this.#deps.onMove?.(this, state);
    if (byStream === false) this.#kernel(() => this.#stream.leave());
    // The hub knows the new key: it was heard under it.
    if (state.name === 'UP' && before.name === 'SILENT') {
      if (this.#tunnel.identity === 'next') this.#keepKey('next');
      else if (this.record.nextKey !== undefined) this.#keepKey('own');
    }
    this.#release();
    this.#tellChange();
  }

  /** After the links are made: who listens inside the tunnel needs its address. */
  #tellChange(): void {
    this.#inTurn(() => Promise.resolve(this.#deps.onChange?.(this)));
  }

  #release(): void {
    for (const resolve of this.#settled.splice(0)) resolve();
  }

  #perform(effect: MemberEffect): void {
    switch (effect.type) {
      case 'links':
        return this.#kernel(() => this.#tunnel.ensure(effect));
      case 'revive':
        this.#path.doubt();
        return this.#begin(() => this.#tunnel.revive(effect.attempt, this.state.name !== 'SILENT'));
      case 'try-udp':
        this.#path.doubt();
        return this.#begin(() => this.#tunnel.tryUdp(effect.attempt));
      case 'renew-stream':
        return this.#kernel(() => this.#stream.renew(effect.hasMoved));
      case 'leave-stream':
        return this.#kernel(() => this.#stream.leave());
      case 'carrier':
        return this.#kernel(() => this.#tunnel.setCarrier(effect.up));
      case 'post':
        return this.#question.post(effect.serial);
      case 'ask':
        return this.#question.ask(effect.serial, effect.revision);
      case 'hang-up':
        return this.#question.hangUp();
      case 'say-word':
        return this.#sayWord();
      case 'save':
        this.#stored.take(effect.view);
        return this.#tellChange();
      case 'post-key':
        return this.#question.postKey(() => this.#stored.makeNextKey());
      case 'keep-key':
        return this.#keepKey(effect.which);
    }
  }

  /** A kernel that refuses is told to the machine, which tries again. */
  #kernel(work: () => Promise<void>): void {
    this.#inTurn(work, (err) => {
      this.#deps.log.error({ link: this.record.device, err }, 'links of the uplink not made');
      this.#dispatch({ type: 'links-failed', error: messageOf(err) });
    });
  }

  #inTurn(work: () => Promise<void>, onFailure?: (error: unknown) => void): void {
    this.#turn(async () => {
      if (!this.#isEnded) await work();
    }).catch((error: unknown) => {
      if (!this.#isEnded) onFailure?.(error);
    });
  }

  #begin(work: () => Promise<void>): void {
    this.#kernel(async () => {
      await work();
      this.#dispatch({ type: 'revived' });
    });
  }

  /** After the links are made: a handshake that begins throws away what waits for an older one. */
  #sayWord(): void {
    const { address } = this.record.hub;
    this.#inTurn(() => Promise.resolve(this.#path.check() ? undefined : this.#word?.say(address)));
  }

  #way(own: string): Way {
    return { own, hub: this.record.hub.address };
  }

  #keepKey(which: 'next' | 'own'): void {
    if (this.record.nextKey === undefined) return;
    this.#stored.keepKey(which);
    this.#tunnel.identity = 'own';
  }
}
