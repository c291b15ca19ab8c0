/**
 * Steps one client through virtual time and keeps its effects. There is no network and no waiting.
 */
import { initialState, nextDeadline, step } from '../../../plugin/dhcp4/client/client.ts';
import type {
  ClientConfig,
  Effect,
  Event,
  State,
  StateName,
} from '../../../plugin/dhcp4/client/client.ts';
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import { messageTypeOf } from '../../../plugin/dhcp4/options.ts';
import {
  ack,
  clientConfig,
  nak,
  offer,
  SERVER,
  SERVER_MAC,
} from '../../support/frames/messages.ts';
import type { ReplyParts } from '../../support/frames/messages.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';

export class ClientRig {
  now = 0;
  state: State = initialState();
  effects: readonly Effect[] = [];
  mayDecline = true;
  readonly config: ClientConfig;
  readonly #random: () => number;

  constructor(config: Partial<ClientConfig> = {}, dice = 1) {
    this.#random = seededRandom(dice);
    this.config = clientConfig(config);
  }

  do(event: Event): this {
    const result = step(this.state, event, {
      now: this.now,
      random: this.#random,
      mayDecline: () => this.mayDecline,
      config: this.config,
    });
    this.state = result.state;
    this.effects = result.effects;
    return this;
  }

  at(now: number): this {
    this.now = now;
    return this.do({ type: 'tick' });
  }

  /** Advances the time to the next deadline. */
  tick(): this {
    return this.at(nextDeadline(this.state));
  }

  receive(message: Dhcp4Message): this {
    return this.do({ type: 'message', message, sourceMac: SERVER_MAC, sourceAddress: SERVER });
  }

  /** Answers the exchange that is running. */
  offer(parts: ReplyParts = {}): this {
    return this.receive(offer({ xid: this.xid, ...parts }));
  }

  ack(parts: ReplyParts = {}): this {
    return this.receive(ack({ xid: this.xid, ...parts }));
  }

  nak(parts: ReplyParts = {}): this {
    return this.receive(nak({ xid: this.xid, ...parts }));
  }

  bound(parts: ReplyParts = {}): this {
    return this.do({ type: 'start' }).offer(parts).ack(parts);
  }

  get name(): StateName {
    return this.state.name;
  }

  get deadline(): number {
    return nextDeadline(this.state);
  }

  get xid(): number {
    return 'exchange' in this.state ? this.state.exchange.xid : 0;
  }

  /** The messages that the last step sent. */
  get sent(): readonly Dhcp4Message[] {
    return this.effects.flatMap((effect) => (effect.type === 'send' ? [effect.message] : []));
  }

  /** One word for each effect of the last step. */
  get summary(): readonly string[] {
    return this.effects.map((effect) => {
      switch (effect.type) {
        case 'send': {
          const to = effect.to === 'broadcast' ? 'broadcast' : effect.to.address;
          return `send ${messageTypeOf(effect.message.options)} to ${to}`;
        }
        case 'check':
          return `check ${effect.address}`;
        case 'withheld':
          return `withheld ${effect.address}`;
        case 'lease':
          return ['lease', effect.change, effect.cause].filter(Boolean).join(' ');
        case 'refused':
          return `refused by ${effect.by}: ${effect.text}`;
        case 'dropped':
          return `dropped ${effect.what.join(', ')}`;
        case 'unanswered':
          return `unanswered since ${effect.since}`;
        case 'ignored':
          return `ignored ${effect.reason}`;
      }
    });
  }
}
