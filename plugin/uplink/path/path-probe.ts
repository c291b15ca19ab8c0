/** Probes what passes the tunnel of one uplink: the shell around the machine of `path-state.ts`. */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:dgram';
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import { MachineRunner, type Machine } from '../../runtime/machine-runner.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import { REGISTRAR_PORT } from '../desired.ts';
import type { Way } from '../member/registrar-client.ts';
import {
  pathDeadline,
  pathStep,
  type PathEffect,
  type PathEvent,
  type PathState,
} from './path-state.ts';
import { openWholeSocket } from './whole-socket.ts';

/** How often the word is as long as what passes, to see that the way is as it was. */
const CHECK_EVERY: Ms = 7_500;
/** Headers of IPv4 and UDP. */
const HEADERS = 28;

/** What a member needs of it. */
export interface PathWatch {
  /** The largest packet that passes. Undefined: not known yet. */
  readonly mtu: number | undefined;
  /** The way may be another one now, so it is probed with the next word of the hub. */
  doubt(): void;
  /** The hub was heard. */
  heard(way: Way): void;
  /**
   * Sends a packet as long as what passes, if it is time for it. Its answer is a word of the hub.
   * So no other word is needed now.
   * @returns false if nothing was sent.
   */
  check(): boolean;
  close(): void;
}

interface PathDeps {
  /** The hub has sent back the packet of `check`. */
  readonly onWord: () => void;
  readonly clock: Pick<Clock, 'now' | 'at'>;
  readonly log: Logger;
  /** The longest packet that the kernel would not cut, as far as it knows. */
  readonly limit: () => Promise<number>;
  /** Makes the kernel cut longer packets before they are encrypted. */
  readonly use: (mtu: number) => Promise<void>;
  /** Tells the hub, which does the same. False if it was not heard. */
  readonly tell: (way: Way, mtu: number) => Promise<boolean>;
}

const machine: Machine<PathState, PathEvent, PathEffect, { readonly now: number }> = {
  initial: () => ({ name: 'IDLE', serial: 0 }),
  step: pathStep,
  nextDeadline: pathDeadline,
};

export class PathProbe implements PathWatch {
  readonly #deps: PathDeps;
  readonly #runner: MachineRunner<PathState, PathEvent, PathEffect, { readonly now: number }>;
  readonly #secret = randomBytes(16).toString('hex');
  #mtu: number | undefined;
  #isDoubted = true;
  /** True if a packet of this run passed. */
  #isFound = false;
  #checkAt: Instant = Infinity;
  /** True until the packet of `check` is back. Other answers are many at once. */
  #isChecking = false;
  #way: Way | undefined;
  #socket: Promise<Socket> | undefined;

  constructor(deps: PathDeps) {
    this.#deps = deps;
    this.#runner = new MachineRunner(machine, {
      clock: deps.clock,
      env: (now) => ({ now }),
      perform: (effect) => this.#perform(effect),
      performed: (state, before) => {
        if (state.name !== 'IDLE' || before.name === 'IDLE') return;
        this.#hangUp();
        this.#isDoubted ||= !this.#isFound;
      },
    });
  }

  get mtu(): number | undefined {
    return this.#mtu;
  }

  doubt(): void {
    this.#isDoubted = true;
  }

  heard(way: Way): void {
    if (!this.#isDoubted) return;
    this.#isDoubted = this.#isFound = this.#isChecking = false;
    this.#hangUp();
    this.#way = way;
    this.#checkAt = this.#deps.clock.now() + CHECK_EVERY;
    this.#runner.dispatch({ type: 'begin' });
  }

  check(): boolean {
    const now = this.#deps.clock.now();
    const size = this.#mtu;
    const isIdle = this.#runner.state.name === 'IDLE';
    if (this.#isDoubted || size === undefined || !isIdle || now < this.#checkAt) return false;
    this.#checkAt = now + CHECK_EVERY;
    this.#isChecking = true;
    this.#runner.dispatch({ type: 'check', size });
    return true;
  }

  close(): void {
    this.#runner.reset();
    this.#hangUp();
  }

  #perform(effect: PathEffect): void {
    switch (effect.type) {
      case 'look':
        return void this.#look(effect.serial);
      case 'send':
        return void this.#send(effect.serial, effect.sizes);
      case 'use':
        return void this.#use(effect.mtu);
    }
  }

  /** The hub is told in every run: it may have lost what it knew. */
  async #use(mtu: number): Promise<void> {
    const { log, use, tell } = this.#deps;
    const [before, way] = [this.#mtu, this.#way];
    this.#mtu = mtu;
    try {
      if (mtu !== before) {
        log.info({ mtu, before }, 'uplink: largest packet that passes the tunnel');
        await use(mtu);
      }
      if (way !== undefined && !(await tell(way, mtu))) this.#isDoubted = true;
    } catch (err) {
      this.#isDoubted = true;
      log.error({ err, mtu }, 'uplink: the size of packets could not be set');
    }
  }

  async #look(serial: number): Promise<void> {
    const limit = await this.#deps.limit().catch((err: unknown) => {
      this.#deps.log.debug({ err }, 'uplink: the route to the hub could not be read');
      return Infinity;
    });
    this.#runner.dispatch({ type: 'limit', serial, limit });
  }

  async #send(serial: number, sizes: readonly number[]): Promise<void> {
    const way = this.#way;
    if (way === undefined) return;
    try {
      const socket = await (this.#socket ??= this.#open(way));
      for (const size of sizes) {
        const probe = Buffer.alloc(size - HEADERS, 0);
        probe.write(`${this.#secret} ${serial} `, 'latin1');
        // A size that the link does not take is one that does not pass.
        socket.send(probe, REGISTRAR_PORT, way.hub, () => undefined);
      }
    } catch (err) {
      this.#socket = undefined;
      this.#isDoubted = true;
      this.#deps.log.debug({ err }, 'uplink: the way to the hub could not be probed');
    }
  }

  async #open({ own }: Way): Promise<Socket> {
    const socket = await openWholeSocket(own, 0);
    socket.on('error', () => undefined);
    socket.on('message', (message) => {
      const [said, serial] = message.toString('latin1', 0, 64).split(' ');
      if (said !== this.#secret) return;
      const size = message.length + HEADERS;
      this.#isFound = true;
      this.#runner.dispatch({ type: 'answered', serial: Number(serial), size });
      const isWord = this.#isChecking;
      this.#isChecking = false;
      if (isWord) this.#deps.onWord();
    });
    socket.unref();
    return socket;
  }

  #hangUp(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.then(
      (open) => open.close(),
      () => undefined,
    );
  }
}
