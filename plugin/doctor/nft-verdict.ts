/**
 * Says what a chain of nf_tables does to a frame of which the links and the family are known, and
 * nothing else (pure). A rule that asks for more is fulfilled by some frames only: it is no verdict
 * on all.
 */
import type {
  Expression,
  ForwardChain,
  ForwardRule,
  LoadedKey,
  Verdict,
} from '../vocabulary/firewall/forward-chains.ts';

/** What the registers get of the frame. Nothing is known of keys that are missing. */
export type FrameKeys = Readonly<Partial<Record<LoadedKey, Uint8Array>>>;

export interface ChainVerdict {
  readonly type: 'accept' | 'drop' | 'reject';
  /** The rule that ended the frame. Undefined for the policy. */
  readonly by: { readonly chain: string; readonly handle: number } | undefined;
  /** True if some frames may have been accepted before. */
  readonly hasExceptions: boolean;
}

/** What a rule does to the frame. `maybe`: to some such frames. */
interface Outcome {
  readonly fits: 'yes' | 'maybe' | 'no';
  /** Undefined: nothing, or something that is not known. */
  readonly verdict: Verdict | undefined;
}

const REGISTER_BYTES = 80;
/** The kernel allows no more. */
const MOST_JUMPS = 16;
const NO: Outcome = { fits: 'no', verdict: undefined };

/**
 * @param base a chain with a policy.
 * @param chains those of its table.
 */
export function verdictOf(
  base: ForwardChain,
  chains: readonly ForwardChain[],
  keys: FrameKeys,
): ChainVerdict {
  let hasExceptions = false;

  const endOf = (verdict: Verdict, by: ChainVerdict['by'], depth: number) => {
    if (verdict.type === 'return') return undefined;
    if (!('chain' in verdict)) return { type: verdict.type, by, hasExceptions };
    const next = chains.find(({ name }) => name === verdict.chain);
    return next && depth < MOST_JUMPS ? walk(next, depth + 1) : undefined;
  };

  /** Undefined if the chain decides nothing, or returns. */
  const walk = (chain: ForwardChain, depth: number): ChainVerdict | undefined => {
    for (const rule of chain.rules) {
      const { fits, verdict } = outcomeOf(rule, keys);
      if (fits === 'no') continue;
      const ended = verdict && endOf(verdict, { chain: chain.name, handle: rule.handle }, depth);
      if (fits === 'maybe') {
        hasExceptions ||= verdict === undefined || ended?.type === 'accept';
        continue;
      }
      if (verdict?.type === 'return') return undefined;
      if (ended !== undefined || verdict?.type === 'goto') return ended;
    }
    return undefined;
  };

  return walk(base, 0) ?? { type: base.policy ?? 'accept', by: undefined, hasExceptions };
}

function outcomeOf({ expressions }: ForwardRule, keys: FrameKeys): Outcome {
  const registers = new Registers(keys);
  let fits: Outcome['fits'] = 'yes';
  for (const one of expressions) {
    if (one.type === 'verdict') return { fits, verdict: one.verdict };
    if (one.type === 'lookup' && one.isVerdict) {
      const found = registers.find(one);
      if (found === 'unknown') return { fits: 'maybe', verdict: undefined };
      return found === undefined ? NO : { fits, verdict: found.verdict };
    }
    const does = registers.take(one);
    if (does === 'no') return NO;
    if (does === 'maybe') fits = 'maybe';
  }
  // A rule that only counts decides nothing.
  return NO;
}

class Registers {
  readonly #keys: FrameKeys;
  /** A byte of which nothing is known is undefined. */
  readonly #bytes = new Array<number | undefined>(REGISTER_BYTES).fill(undefined);

  constructor(keys: FrameKeys) {
    this.#keys = keys;
  }

  /** @returns whether the rule goes on behind the expression. */
  take(one: Exclude<Expression, { readonly type: 'verdict' }>): Outcome['fits'] {
    switch (one.type) {
      case 'load':
        this.#put(one.register, one.key && this.#keys[one.key]);
        return 'yes';
      case 'mask': {
        const { from, register, mask, flips } = one;
        const bytes = this.#known(from, mask.length);
        const masked = bytes?.map((byte, at) => (byte & (mask[at] ?? 0)) ^ (flips[at] ?? 0));
        this.#put(register, masked);
        return 'yes';
      }
      case 'compare': {
        const bytes = this.#known(one.register, one.bytes.length);
        if (bytes === undefined) return 'maybe';
        return isSame(bytes, one.bytes) === one.isEqual ? 'yes' : 'no';
      }
      case 'lookup': {
        const found = this.find(one);
        if (found === 'unknown') return 'maybe';
        return (found === undefined) === one.isInverted ? 'yes' : 'no';
      }
      case 'test':
        return 'maybe';
    }
  }

  find({ register, elements }: Extract<Expression, { readonly type: 'lookup' }>) {
    if (elements === undefined) return 'unknown';
    const bytes = this.#known(register, elements[0]?.key.length ?? 0);
    if (bytes === undefined) return 'unknown';
    return elements.find(({ key }) => isSame(bytes, key));
  }

  /** The kernel fills up the last 4 bytes with zeros. The rest of a long register stays unknown. */
  #put(at: number, value: Uint8Array | undefined): void {
    const length = value === undefined ? 16 : Math.ceil(value.length / 4) * 4;
    for (let index = 0; index < Math.max(length, 16); index += 1) {
      this.#bytes[at + index] = index < length ? value && (value[index] ?? 0) : undefined;
    }
  }

  #known(at: number, length: number): Uint8Array | undefined {
    const part = this.#bytes.slice(at, at + length);
    return part.includes(undefined) ? undefined : Uint8Array.from(part as number[]);
  }
}

function isSame(bytes: Uint8Array, other: Uint8Array): boolean {
  return bytes.length === other.length && bytes.every((byte, at) => byte === other[at]);
}
