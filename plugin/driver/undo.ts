/** Taking things back, whatever fails on the way. */

/**
 * Runs every step in order, also after one has failed.
 * @throws what failed; an AggregateError if that was more than one step.
 */
export async function runEach(...steps: readonly (() => Promise<void> | void)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join('; '));
}

/** What has to be taken back if a creation fails half-way; each step is written beside what it undoes. */
export class UndoList {
  readonly #steps: (() => Promise<void> | void)[] = [];

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  /** Runs every step, last first. @throws AggregateError of all that failed; `reason` comes first in it. */
  async run(reason: unknown): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) {
      throw new AggregateError([reason, ...errors], `${messageOf(reason)}; clean-up failed too`);
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
