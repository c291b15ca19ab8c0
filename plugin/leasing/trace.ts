/**
 * Counts what one DHCP client sent, heard and ignored. This is enough to tell a person why there is
 * no lease. The size is limited: one counter for each message type and each reason, and the last
 * message of each server.
 */
import type { IgnoreReason } from '../dhcp4/client/client.ts';
import type { Dhcp4Message } from '../dhcp4/message.ts';
import type { Instant } from '../vocabulary/time.ts';
import { ipv4Of, OPTION } from '../dhcp4/options.ts';
import { defectOf, type IgnoredMessage } from './reply-defect.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import { messageOf } from '../vocabulary/errors.ts';

const TYPE_NAMES: Readonly<Record<number, string>> = {
  1: 'DISCOVER',
  2: 'OFFER',
  3: 'REQUEST',
  4: 'DECLINE',
  5: 'ACK',
  6: 'NAK',
  7: 'RELEASE',
};

/** A hostile server could have a new address each time. */
const MOST_IGNORED = 32;

/** More servers than this on one segment exist only in a test. */
const MOST_STRANGERS = 8;

interface Heard {
  count: number;
  from: Ipv4;
  address: Ipv4;
}

export interface LastHeard {
  readonly type: string;
  readonly from: Ipv4;
  readonly at: Instant;
}

/** The answer of a server that was meant for us and is not used. */
export interface Ignored {
  readonly server: Ipv4;
  /** The type of its message. */
  readonly message: string;
  readonly reason: IgnoreReason;
}

/** Of others' messages, and of late or repeated ones, nobody needs to know. */
const USUAL: ReadonlySet<IgnoreReason> = new Set([
  ...(['not-a-reply', 'chaddr-mismatch', 'xid-mismatch', 'client-id-mismatch'] as const),
  ...(['unexpected-in-state', 'server-mismatch'] as const),
]);

/** Of messages that are not for the client at all. A busy segment has thousands of them. */
const OTHERS: ReadonlySet<IgnoreReason> = new Set(['not-a-reply', 'chaddr-mismatch']);

/** Told of what metrics count. */
export interface TraceCounters {
  repeated(message: string): void;
  ignored(reason: IgnoreReason | 'malformed'): void;
}

interface Stranger {
  readonly server: Ipv4;
  readonly type: string;
  /** It is in `dhcp_deny`. Else it is missing in `dhcp_server`. */
  readonly isDenied: boolean;
}

const STRANGE: readonly IgnoreReason[] = ['server-not-allowed', 'server-denied'];

export class Trace {
  readonly #sent = new Map<string, number>();
  readonly #ignored = new Map<IgnoreReason, Heard & { type: string }>();
  readonly #received = new Map<string, Heard>();
  #refusal: { by: string | undefined; text: string | undefined; count: number } | undefined;
  /** Servers that answered and must not be taken. */
  readonly #strangers = new Map<Ipv4, Stranger>();
  /** Made with the first one. At most MOST_IGNORED. */
  #told: Set<string> | undefined;
  #conflict: { readonly address: Ipv4; readonly by: Mac } | undefined;
  #lastHeard: LastHeard | undefined;
  #defect: string | undefined;
  #isDeclineWithheld = false;
  #malformed: { what: string; count: number } | undefined;
  #sendError: string | undefined;
  #lastSentAt: Instant | undefined;

  readonly #counters: TraceCounters | undefined;

  constructor(counters?: TraceCounters) {
    this.#counters = counters;
  }

  /** @param isRepeated the same message was sent before, and nobody has answered. */
  sent(message: Dhcp4Message, now: Instant, isRepeated = false): void {
    const type = typeName(message);
    if (isRepeated) this.#counters?.repeated(type);
    this.#sent.set(type, (this.#sent.get(type) ?? 0) + 1);
    this.#lastSentAt = now;
  }

  received(message: Dhcp4Message, sourceAddress: Ipv4, at: Instant): void {
    const type = typeName(message);
    const seen = heard(message, sourceAddress, this.#received.get(type));
    this.#received.set(type, seen);
    this.#lastHeard = { type, from: seen.from, at };
  }

  /** @returns the answer if an operator has not been told of this server and reason yet. */
  firstIgnored({ reason, message, sourceAddress }: IgnoredMessage): Ignored | undefined {
    if (USUAL.has(reason)) return undefined;
    const { from: server } = heard(message, sourceAddress, undefined);
    this.#told ??= new Set();
    const key = `${server} ${reason}`;
    if (this.#told.has(key) || this.#told.size >= MOST_IGNORED) return undefined;
    this.#told.add(key);
    return { server, message: typeName(message), reason };
  }

  /** @returns the server if it is not allowed and is heard for the first time. */
  ignored({ reason, message, sourceAddress }: IgnoredMessage): Stranger | undefined {
    const type = typeName(message);
    const seen = heard(message, sourceAddress, this.#ignored.get(reason));
    this.#ignored.set(reason, { ...seen, type });
    if (!OTHERS.has(reason)) this.#counters?.ignored(reason);
    this.#defect = defectOf({ reason, message, sourceAddress }, type) ?? this.#defect;
    if (!STRANGE.includes(reason)) return undefined;
    const isKnown = this.#strangers.has(seen.from);
    if (isKnown || this.#strangers.size >= MOST_STRANGERS) return undefined;
    const stranger = { server: seen.from, type, isDenied: reason === 'server-denied' };
    this.#strangers.set(seen.from, stranger);
    return stranger;
  }

  /** Another host has an address that was leased. */
  conflict(address: Ipv4, by: Mac): void {
    this.#conflict = { address, by };
  }

  /** The server was not told of a conflict, because the segment has used up its DECLINEs. */
  declineWithheld(): void {
    this.#isDeclineWithheld = true;
  }

  get isDeclineWithheld(): boolean {
    return this.#isDeclineWithheld;
  }

  refused(by: string | undefined, text: string | undefined): void {
    this.#refusal = { by, text, count: (this.#refusal?.count ?? 0) + 1 };
  }

  malformed(what: string): void {
    this.#counters?.ignored('malformed');
    this.#malformed = { what, count: (this.#malformed?.count ?? 0) + 1 };
  }

  sendFailed(error: unknown): void {
    this.#sendError = messageOf(error);
  }

  get wasRefused(): boolean {
    return this.#refusal !== undefined;
  }

  /** True once an allowed server has made an offer, whether we wanted it or not. */
  get heardOffer(): boolean {
    const counts = STRANGE.map((reason) => this.#ignored.get(reason)?.count ?? 0);
    const strange = counts.reduce((sum, count) => sum + count);
    return (this.#received.get('OFFER')?.count ?? 0) > strange;
  }

  /** Servers that answered and must not be taken. */
  get strangers(): readonly Stranger[] {
    return [...this.#strangers.values()];
  }

  /** The last address that another host was found to have. */
  get lastConflict(): { readonly address: Ipv4; readonly by: Mac } | undefined {
    return this.#conflict;
  }

  /** The offered address, if the address was the only thing wrong with an answer. */
  get otherAddressOffered(): Ipv4 | undefined {
    return this.#ignored.get('address-not-requested')?.address;
  }

  /** The offered address that is outside the wanted ones. */
  get addressOutOfBounds(): Ipv4 | undefined {
    return this.#ignored.get('address-out-of-bounds')?.address;
  }

  /**
   * What was wrong with the last unusable answer, and which option accepts it. Undefined if nothing
   * was.
   */
  get defect(): string | undefined {
    return this.#defect;
  }

  /** The last reply, used or not. */
  get lastHeard(): LastHeard | undefined {
    return this.#lastHeard;
  }

  get lastSentAt(): Instant | undefined {
    return this.#lastSentAt;
  }

  /** Describes what left the link, such as `sent 4 DISCOVER`. */
  describeSent(): string {
    const parts = [...this.#sent].map(([type, count]) => `${count} ${type}`);
    const failed = this.#sendError === undefined ? '' : ` (sending failed: ${this.#sendError})`;
    return `sent ${parts.join(' and ') || 'nothing'}${failed}`;
  }

  /** Describes what came back and why it was not used, or `heard nothing`. */
  describeHeard(): string {
    const parts = [...this.#received].map(
      ([type, { count, from, address }]) =>
        `${count} ${type} from ${from}${type === 'NAK' ? '' : ` (${address})`}`,
    );
    if (this.#refusal?.text) parts.push(`the server says ${JSON.stringify(this.#refusal.text)}`);
    for (const [reason, { count, type }] of this.#ignored) {
      parts.push(`${count} ${type} ignored: ${reason}`);
    }
    if (this.#malformed !== undefined) {
      parts.push(`${this.#malformed.count} malformed: ${this.#malformed.what}`);
    }
    return `heard ${parts.join(', ') || 'nothing'}`;
  }
}

/** If the server identifier is missing, the source of the packet stands for the server. */
function heard(message: Dhcp4Message, sourceAddress: Ipv4, before: Heard | undefined): Heard {
  return {
    count: (before?.count ?? 0) + 1,
    from: ipv4Of(message.options, OPTION.SERVER_ID) ?? sourceAddress,
    address: message.yiaddr,
  };
}

function typeName(message: Dhcp4Message): string {
  const type = message.options.get(53)?.[0] ?? 0;
  return TYPE_NAMES[type] ?? `type ${type}`;
}
