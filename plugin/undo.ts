/** Takes back what was done, also if a step of that fails. */

/**
 * Runs every step in order, also after one has failed.
 * @throws the failure, or an AggregateError if there was more than one.
 */
export async function runEach(...steps: readonly (() => Promise<void> | void)[]): Promise<void> {
  const errors = await failuresOf(steps);
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join('; '));
}

/**
 * Collects what to take back if a creation fails half-way. Each step is added next to the code that
 * it undoes.
 */
export class UndoList {
  readonly #steps: (() => Promise<void> | void)[] = [];

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  /**
   * Runs every step, the last one first, also after one has failed.
   * @returns what to throw: `reason` itself, or an AggregateError with `reason` first if undoing
   * failed, too.
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
