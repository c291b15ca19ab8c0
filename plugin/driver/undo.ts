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
      const first = reason instanceof Error ? reason.message : String(reason);
      throw new AggregateError([reason, ...errors], `${first}; clean-up failed too`);
    }
  }
}
