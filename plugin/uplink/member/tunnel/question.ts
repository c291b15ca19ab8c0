/** The question to the registrar that is under way. One at a time: a new one takes its place. */
import { PROTOCOL_VERSION } from '../../protocol/registrar-protocol.ts';
import { publicKeyOf, type WgKey } from '../../wireguard-key.ts';
import type { Logger } from '../../../logger.ts';
import type { UplinkRecord } from '../member-record.ts';
import type { RegistrarClient, Reply } from '../registrar-client.ts';
import type { MemberEvent } from '../states.ts';

export interface QuestionDeps {
  readonly registrar: RegistrarClient;
  readonly hostName: string;
  /** As it is when the question begins. */
  readonly record: () => UplinkRecord;
  /** Begins the work after the links are made. */
  readonly inTurn: (work: () => Promise<void>, onFailure?: (error: unknown) => void) => void;
  readonly log: Logger;
  readonly dispatch: (event: MemberEvent) => void;
}

export class Question {
  readonly #deps: QuestionDeps;
  #current: AbortController | undefined;

  constructor(deps: QuestionDeps) {
    this.#deps = deps;
  }

  post(serial: number): void {
    this.#begin(serial, (signal) => {
      const { registrar, hostName, record } = this.#deps;
      const { privateKey, oneTime, hub } = record();
      const request = {
        ...({ version: PROTOCOL_VERSION, name: hostName } as const),
        key: publicKeyOf(privateKey),
      };
      return registrar.post({ own: oneTime?.address ?? '', hub: hub.address }, request, signal);
    });
  }

  ask(serial: number, revision: number | undefined): void {
    this.#begin(serial, (signal) => {
      const { view, hub } = this.#deps.record();
      const way = { own: view?.address ?? '', hub: hub.address };
      return this.#deps.registrar.ask(way, revision, signal);
    });
  }

  /** Tells the hub the next key, under the one of now. @param make puts it on disk first. */
  postKey(make: () => Promise<WgKey>): void {
    const { registrar, record, dispatch, inTurn, log } = this.#deps;
    inTurn(
      async () => {
        const key = publicKeyOf(await make());
        const { view, hub } = record();
        const isTaken = await registrar.putKey({ own: view?.address ?? '', hub: hub.address }, key);
        dispatch({ type: 'key-posted', isTaken });
      },
      (err) => {
        log.error({ link: record().device, err }, 'new key of the uplink not written');
        dispatch({ type: 'key-posted', isTaken: false });
      },
    );
  }

  hangUp(): void {
    this.#current?.abort();
  }

  #begin(serial: number, question: (signal: AbortSignal) => Promise<Reply>): void {
    const { inTurn, dispatch } = this.#deps;
    this.hangUp();
    const { signal } = (this.#current = new AbortController());
    inTurn(() => {
      if (signal.aborted) return Promise.resolve();
      void question(signal).then((reply) => {
        if (signal.aborted) return;
        if (reply.is === 'none') dispatch({ type: 'unanswered', serial });
        else if (reply.is === 'view') dispatch({ type: 'view', view: reply.view, serial });
        else dispatch({ ...reply, type: 'refused', serial });
      });
      return Promise.resolve();
    });
  }
}
