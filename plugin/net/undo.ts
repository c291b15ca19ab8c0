/**
 * Steps to take back, newest first, when making something fails half-way.
 */
export class UndoList {
  readonly #steps: (() => Promise<void>)[] = [];

  add(step: () => Promise<void>): void {
    this.#steps.push(step);
  }

  /**
   * Takes every step back, whatever the others say, and returns what to throw: `cause` itself, or an
   * AggregateError with `cause` first if taking back failed too.
   */
  async undo(cause: unknown): Promise<unknown> {
    const errors: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 0) return cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    return new AggregateError([cause, ...errors], `${message} (and taking it back failed too)`);
  }
}
