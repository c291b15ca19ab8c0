/** The question to the registrar that is under way. One at a time: a new one takes its place. */
import type { Reply } from '../registrar-client.ts';
import type { MemberEvent } from '../states.ts';

export class Question {
  /** Begins the work after the links are made. */
  readonly #inTurn: (work: () => Promise<void>) => void;
  readonly #dispatch: (event: MemberEvent) => void;
  #current: AbortController | undefined;

  constructor(inTurn: (work: () => Promise<void>) => void, dispatch: (event: MemberEvent) => void) {
    this.#inTurn = inTurn;
    this.#dispatch = dispatch;
  }

  ask(serial: number, question: (signal: AbortSignal) => Promise<Reply>): void {
    this.hangUp();
    const { signal } = (this.#current = new AbortController());
    this.#inTurn(() => {
      if (signal.aborted) return Promise.resolve();
      void question(signal).then((reply) => {
        if (signal.aborted) return;
        if (reply.is === 'none') this.#dispatch({ type: 'unanswered', serial });
        else if (reply.is === 'view') this.#dispatch({ type: 'view', view: reply.view, serial });
        else this.#dispatch({ ...reply, type: 'refused', serial });
      });
      return Promise.resolve();
    });
  }

  hangUp(): void {
    this.#current?.abort();
  }
}
