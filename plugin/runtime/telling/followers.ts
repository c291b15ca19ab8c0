/**
 * Answers that go on until the client goes. They are fewer than the connections that a server has,
 * so that others still get an answer.
 */
import type { ServerResponse } from 'node:http';

const MOST_FOLLOWERS = 32;

export class Followers {
  readonly #most: number;
  /** At most `#most`. */
  readonly #open = new Set<ServerResponse>();

  constructor(most = MOST_FOLLOWERS) {
    this.#most = most;
  }

  /** @returns why there is no place, in one sentence. Undefined: the answer may go on. */
  refusal(response: ServerResponse): string | undefined {
    if (this.#open.size >= this.#most) {
      return `${this.#most} clients follow already; close a page, or end a command that follows`;
    }
    if (response.destroyed) return 'the client has gone';
    this.#open.add(response);
    response.once('close', () => this.#open.delete(response));
    return undefined;
  }
}
