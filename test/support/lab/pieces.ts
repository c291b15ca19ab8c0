/**
 * Things that are put up one after the other and taken down again: what has been begun is taken
 * down in the end, also where putting it up failed half-way, and also after taking down something
 * else has failed.
 */
import { runEach } from '../../../plugin/undo.ts';

type Step = () => Promise<unknown>;

export class Pieces {
  readonly #downs: Step[] = [];

  /**
   * @param down is owed from the moment that `up` begins; it has to bear that there is nothing to
   * take down.
   */
  async put(up: Step, down: Step): Promise<void> {
    this.owe(down);
    await up();
  }

  owe(down: Step): void {
    this.#downs.push(down);
  }

  /** Takes down what was put up, the last one first. @throws what failed, all of it. */
  async takeDown(): Promise<void> {
    const downs = this.#downs.splice(0).reverse();
    await runEach(...downs.map((down) => async () => void (await down())));
  }
}
