/**
 * Finds out whether another host has one of a container's addresses (RFC 4862 §5.4), and answers
 * for them until the container's kernel does. It is the shell around `ndp/duplicate.ts`, with one
 * machine for each address: the link-local one, one of a prefix, those of a lease.
 */
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import { DUPLICATE_PROFILES } from '../../ndp/duplicate-profiles.ts';
import type { DuplicateEffect } from '../../ndp/duplicate.ts';
import { encodeNdpFrame, type NdpFrame } from '../../ndp/frame.ts';
import { encodeListenerReport } from '../../ndp/listener-report.ts';
import type { Mac } from '../../wire/address.ts';
import { linkLocalOf, solicitedNodeOf, type Ipv6 } from '../../wire/address6.ts';
import { MachineRunner, type RunnerOf } from '../../runtime/machine-runner.ts';
import type { ConflictMode } from '../segment/conflict-watch.ts';
import { DUPLICATE } from './ipv6-machines.ts';

export interface AddressProbesDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly mac: Mac;
  readonly mode: ConflictMode;
  /** A lost frame does no harm: the next question or answer repeats it. */
  readonly send: (frame: Uint8Array) => void;
  /** No host answered. The address may be used. */
  readonly onFree: (address: Ipv6) => void;
  /** The address must not be used, or no longer. */
  readonly onConflict: (address: Ipv6) => void;
}

export class AddressProbes {
  readonly #deps: AddressProbesDeps;
  /** A link-local address, one of a prefix, and the addresses of a lease: a handful. */
  readonly #runners = new Map<Ipv6, RunnerOf<typeof DUPLICATE>>();

  constructor(deps: AddressProbesDeps) {
    this.#deps = deps;
  }

  /**
   * Asks who has the address. Does nothing if it is being asked, or answered for.
   * @returns true if the address may be used before the answer.
   */
  begin(address: Ipv6): boolean {
    const { mode } = this.#deps;
    const mayBeUsed = mode === 'optimistic' || mode === 'off';
    if (this.#runners.has(address)) return mayBeUsed;
    const runner = this.#make(address);
    this.#runners.set(address, runner);
    this.report();
    runner.dispatch({ type: 'start', address });
    return mayBeUsed;
  }

  /** Asks nobody, and answers for the address from now on. */
  answerFor(address: Ipv6): void {
    this.end(address);
    const runner = this.#make(address, DUPLICATE_PROFILES.none);
    this.#runners.set(address, runner);
    this.report();
    runner.dispatch({ type: 'start', address });
  }

  hear(frame: NdpFrame): void {
    for (const runner of [...this.#runners.values()]) runner.dispatch({ type: 'frame', frame });
  }

  end(address: Ipv6): void {
    this.#runners.get(address)?.reset();
    this.#runners.delete(address);
  }

  /** The container's kernel answers now. What is still being asked goes on. */
  kernelAnswers(): void {
    for (const [address, runner] of this.#runners) {
      if (runner.state.name !== 'PROBING') this.end(address);
    }
  }

  close(): void {
    for (const address of [...this.#runners.keys()]) this.end(address);
  }

  get isAsking(): boolean {
    return [...this.#runners.values()].some(({ state }) => state.name === 'PROBING');
  }

  #make(address: Ipv6, profile = this.#profileOf(address)): RunnerOf<typeof DUPLICATE> {
    const { clock, mac, mode } = this.#deps;
    const config = { mac, profile, asksAgain: mode === 'optimistic' };
    return new MachineRunner(DUPLICATE, {
      clock,
      env: (now) => ({ now, config }),
      perform: (effect) => this.#perform(effect),
    });
  }

  /**
   * A tentative address is not answered for. So with `optimistic` the link-local address is not
   * asked for: a server could not reach us. Another host has it only if it has our MAC.
   */
  #profileOf(address: Ipv6) {
    const { mode, mac } = this.#deps;
    if (mode === 'full') return DUPLICATE_PROFILES.full;
    const isUnasked = mode === 'off' || (mode === 'optimistic' && address === linkLocalOf(mac));
    return isUnasked ? DUPLICATE_PROFILES.none : DUPLICATE_PROFILES.fast;
  }

  /** Bridges and switches that snoop then pass us the questions about our addresses. */
  report(): void {
    const { mac, send } = this.#deps;
    if (this.#runners.size === 0) return; // the container's kernel does it
    const groups = [...new Set([...this.#runners.keys()].map(solicitedNodeOf))];
    send(encodeListenerReport({ sourceMac: mac, source: linkLocalOf(mac), groups }));
  }

  #perform(effect: DuplicateEffect): void {
    const { log, send, onFree, onConflict } = this.#deps;
    switch (effect.type) {
      case 'send':
        return send(encodeNdpFrame(effect.frame));
      case 'free':
        return onFree(effect.address);
      case 'doubted':
        return log.info(
          { address: effect.address, by: effect.by },
          'another host says that it has the address: it is asked once more',
        );
      case 'conflict':
        log.warn(
          { address: effect.address, by: effect.by },
          'IPv6 address not used: another host has it',
        );
        return onConflict(effect.address);
    }
  }
}
