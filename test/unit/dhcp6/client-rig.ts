/**
 * Steps one client through virtual time and keeps its effects. There is no network and no waiting.
 */
import { initialState, nextDeadline, step } from '../../../plugin/dhcp6/client/client.ts';
import type {
  ClientConfig6,
  Effect,
  Event,
  State,
  StateName,
} from '../../../plugin/dhcp6/client/client.ts';
import type { Dhcp6Message, MessageType } from '../../../plugin/dhcp6/message.ts';
import { decodeMessage, encodeMessage } from '../../../plugin/dhcp6/message.ts';
import { optionOf, type Dhcp6Option } from '../../../plugin/dhcp6/options.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';
import { clientConfig6, reply6, type Reply6Parts } from '../../support/frames/messages6.ts';

export class ClientRig6 {
  now = 0;
  state: State = initialState();
  effects: readonly Effect[] = [];
  mayDecline = true;
  readonly config: ClientConfig6;
  readonly #random: () => number;

  constructor(config: Partial<ClientConfig6> = {}, dice = 1) {
    this.#random = seededRandom(dice);
    this.config = clientConfig6(config);
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

  start(): this {
    return this.do({ type: 'start' });
  }

  at(now: number): this {
    this.now = now;
    return this.do({ type: 'tick' });
  }

  after(ms: number): this {
    return this.at(this.now + ms);
  }

  /** Advances the time to the next deadline. */
  tick(): this {
    return this.at(nextDeadline(this.state));
  }

  /** Ticks until the client is in another state. */
  untilNot(name: StateName): this {
    for (let count = 0; this.name === name && count < 100; count += 1) this.tick();
    return this;
  }

  receive(message: Dhcp6Message): this {
    return this.do({ type: 'message', message: decodeMessage(encodeMessage(message)) });
  }

  /** Answers the exchange that is running. */
  advertise(parts: Reply6Parts = {}): this {
    return this.receive(reply6('ADVERTISE', this.xid, parts));
  }

  reply(parts: Reply6Parts = {}): this {
    return this.receive(reply6('REPLY', this.xid, parts));
  }

  bound(parts: Reply6Parts = {}): this {
    return this.start().advertise(parts).reply(parts);
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

  get using(): readonly string[] {
    const found = 'lease' in this.state ? this.state.lease : undefined;
    return found?.addresses.map(({ address }) => address) ?? [];
  }

  /** The message that the last step sent. */
  get sent(): Dhcp6Message {
    const messages = this.effects.flatMap((effect) =>
      effect.type === 'send' ? [effect.message] : [],
    );
    if (messages.length !== 1) throw new Error(`${messages.length} messages were sent`);
    return messages[0]!;
  }

  option<Type extends Dhcp6Option['type']>(type: Type) {
    return optionOf(this.sent.options, type);
  }

  /** The addresses that the message that was sent names. */
  get named(): readonly string[] {
    return (this.option('ia-na')?.options ?? []).flatMap((option) =>
      option.type === 'ia-address' ? [option.address] : [],
    );
  }

  /** One word for each effect of the last step. */
  get summary(): readonly string[] {
    return this.effects.map((effect) => {
      switch (effect.type) {
        case 'send':
          return effect.message.type satisfies MessageType;
        case 'check':
          return `check ${effect.address}`;
        case 'withheld':
          return `withheld ${effect.address}`;
        case 'lease':
          return ['lease', effect.change, effect.cause].filter(Boolean).join(' ');
        case 'refused':
          return `refused with ${effect.status}: ${effect.text}`;
        case 'unanswered':
          return `unanswered since ${effect.since}`;
        case 'ignored':
          return `ignored ${effect.reason}`;
      }
    });
  }
}
