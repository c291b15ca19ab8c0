/**
 * The shell around a machine of `step(state, event, env)` and `nextDeadline(state)`: one state, one
 * timer, one event at a time.
 *
 * Events are handled in the order of arrival, and the effects of each in order. An event that an
 * effect raises waits until the effects are done. Then the one timer is set to `nextDeadline`.
 */
import type { Clock } from '../clock.ts';
import type { Instant } from '../vocabulary/time.ts';

/** The event of the timer. */
interface Tick {
  readonly type: 'tick';
}

/** A machine. It has no clock, no dice and no socket of its own. */
export interface Machine<State, Event, Effect, Env> {
  initial(): State;
  step(
    state: State,
    event: Event | Tick,
    env: Env,
  ): { readonly state: State; readonly effects: readonly Effect[] };
  /** When `step` wants a `tick`; Infinity if nothing is due. */
  nextDeadline(state: State): Instant;
}

export interface MachineDeps<State, Event, Effect, Env> {
  readonly clock: Pick<Clock, 'now' | 'at'>;
  /** Called for each step. */
  readonly env: (now: Instant) => Env;
  readonly perform: (effect: Effect) => void;
  /** Called before the effects of a step. */
  readonly stepped?: (state: State, before: State, event: Event | Tick) => void;
  /** Called after the effects of a step. */
  readonly performed?: (state: State, before: State) => void;
  /** False while a deadline has no meaning, because the machine has no place to send from. */
  readonly isTimed?: (state: State) => boolean;
}

export class MachineRunner<State, Event, Effect, Env> {
  readonly #machine: Machine<State, Event, Effect, Env>;
  readonly #deps: MachineDeps<State, Event, Effect, Env>;
  #state: State;
  #cancelTimer: () => void = () => undefined;
  readonly #queue: (Event | Tick)[] = [];
  #stepping = false;

  constructor(
    machine: Machine<State, Event, Effect, Env>,
    deps: MachineDeps<State, Event, Effect, Env>,
  ) {
    this.#machine = machine;
    this.#deps = deps;
    this.#state = machine.initial();
  }

  get state(): State {
    return this.#state;
  }

  /** Feeds one event. Returns after its effects, unless it is called from within an effect. */
  dispatch(event: Event | Tick): void {
    this.#queue.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#step(next);
      }
    } finally {
      this.#stepping = false;
    }
    this.arm();
  }

  /** Sets the timer. To be called when the answer of `isTimed` has changed. */
  arm(): void {
    const { clock, isTimed } = this.#deps;
    this.#cancelTimer();
    const dueAt =
      isTimed?.(this.#state) === false ? Infinity : this.#machine.nextDeadline(this.#state);
    this.#cancelTimer = clock.at(dueAt, () => this.dispatch({ type: 'tick' }));
  }

  /** Ends it silently: no timer, no event, and the state of the beginning. */
  reset(): void {
    this.#cancelTimer();
    this.#cancelTimer = () => undefined;
    this.#queue.length = 0;
    this.#state = this.#machine.initial();
  }

  #step(event: Event | Tick): void {
    const { clock, env, perform, stepped, performed } = this.#deps;
    const before = this.#state;
    const { state, effects } = this.#machine.step(before, event, env(clock.now()));
    this.#state = state;
    stepped?.(state, before, event);
    for (const effect of effects) perform(effect);
    performed?.(this.#state, before);
  }
}

/** The runner of that machine. */
export type RunnerOf<Of> =
  Of extends Machine<infer State, infer Event, infer Effect, infer Env>
    ? MachineRunner<State, Event, Effect, Env>
    : never;
