/**
 * Taking things back, whatever fails on the way.
 */

/**
 * Runs every step in order, also after one has failed.
 * @throws what failed; an AggregateError if that was more than one step.
 */
export async function runEach(...steps: readonly (() => Promise<void> | void)[]): Promise<void> {
  const errors = await failuresOf(steps);
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join('; '));
}

/** What has to be taken back if a creation fails half-way; each step is written beside what it undoes. */
export class UndoList {
  readonly #steps: (() => Promise<void> | void)[] = [];

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  /**
   * Runs every step, last first, whatever the others say.
   * @returns what to throw: `reason` itself, or an AggregateError with `reason` first if undoing failed too.
   */
  async run(reason: unknown): Promise<unknown> {
    const errors = await failuresOf(this.#steps.reverse());
    if (errors.length === 0) return reason;
    return new AggregateError([reason, ...errors], `${messageOf(reason)}; clean-up failed too`);
  }
}

async function failuresOf(steps: readonly (() => Promise<void> | void)[]): Promise<unknown[]> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
