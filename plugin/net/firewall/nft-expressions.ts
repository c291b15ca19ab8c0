/**
 * Decodes the expressions of a rule of nf_tables (include/uapi/linux/netfilter/nf_tables.h). Bytes
 * only.
 *
 *   an expression   1 its name  2 its data
 *   a verdict       1 code, as a signed number  2 the chain
 *   a register      1–4 have 16 bytes each; 8–23 are the same memory in parts of 4 bytes
 */
import type { Expression, LoadedKey, Verdict } from '../../vocabulary/firewall/forward-chains.ts';
import { attributesOf, bytesOf, findAttribute, textIn } from '../netlink/netlink-messages.ts';

/** A lookup before its set is read. */
export type RawExpression =
  | Exclude<Expression, { readonly type: 'lookup' }>
  | {
      readonly type: 'lookup';
      readonly set: string;
      readonly register: number;
      readonly isInverted: boolean;
      readonly isVerdict: boolean;
    };

const VALUE = 1;
const VERDICT = 2;
const VERDICTS: Readonly<Record<number, 'accept' | 'drop' | 'return' | 'jump' | 'goto'>> = {
  0: 'drop',
  1: 'accept',
  [-3]: 'jump',
  [-4]: 'goto',
  [-5]: 'return',
};
const META_KEYS: Readonly<Record<number, LoadedKey>> = {
  1: 'protocol',
  4: 'input-index',
  5: 'output-index',
  6: 'input-name',
  7: 'output-name',
  15: 'family',
  17: 'bridge-name',
  18: 'bridge-name',
  26: 'input-kind',
  27: 'output-kind',
};
const CT_STATE = 0;
const LOOKUP_INVERTED = 1;
const [EQUAL, DIFFERENT] = [0, 1];

/** What a frame need not fulfil, and what decides nothing. */
const WITHOUT_EFFECT = new Set([
  ...['counter', 'log', 'notrack', 'last', 'objref', 'nat', 'masq', 'redir', 'dup'],
  'flow_offload',
]);
/** They load bytes of which nothing is known. The number is the attribute with the register. */
const LOADS: Readonly<Record<string, number>> = {
  ...{ rt: 1, socket: 2, exthdr: 1, fib: 1, osf: 1, xfrm: 1, tunnel: 2 },
  ...{ hash: 2, numgen: 1, byteorder: 2 },
};

/** @param list the attribute with all expressions of the rule. */
export function decodeExpressions(list: DataView | undefined): readonly RawExpression[] {
  if (list === undefined) return [];
  return [...attributesOf(list, 0, 1)].flatMap((one) => {
    const name = textIn(one, 0, 1) ?? '';
    const data = findAttribute(one, 0, 2) ?? new DataView(new ArrayBuffer(0));
    return WITHOUT_EFFECT.has(name) ? [] : decode(name, data);
  });
}

function decode(name: string, data: DataView): readonly RawExpression[] {
  switch (name) {
    case 'meta':
      return loaded(data, 1, META_KEYS[numberIn(data, 2) ?? -1]);
    case 'ct':
      return loaded(data, 1, numberIn(data, 2) === CT_STATE ? 'connection-state' : undefined);
    case 'payload':
      return loaded(data, 1, isEtherType(data) ? 'protocol' : undefined);
    case 'bitwise':
      return [mask(data)];
    case 'cmp':
      return [compare(data)];
    case 'lookup':
      return [
        {
          ...{ type: 'lookup', set: textIn(data, 0, 1) ?? '' },
          register: registerIn(data, 2) ?? 0,
          isInverted: ((numberIn(data, 5) ?? 0) & LOOKUP_INVERTED) !== 0,
          isVerdict: numberIn(data, 3) === 0,
        },
      ];
    case 'immediate':
      return immediate(data);
    case 'reject':
      return [{ type: 'verdict', verdict: { type: 'reject' } }];
    case 'match':
      // iptables-nft has its own: who wrote a rule is no condition.
      return textIn(data, 0, 1) === 'comment' ? [] : [{ type: 'test' }];
    case 'target':
      return textIn(data, 0, 1) === 'REJECT'
        ? [{ type: 'verdict', verdict: { type: 'reject' } }]
        : [];
    default: {
      const register = LOADS[name];
      return register === undefined ? [{ type: 'test' }] : loaded(data, register, undefined);
    }
  }
}

/** Nothing without a register: then the expression sets something. */
function loaded(
  data: DataView,
  attribute: number,
  key: LoadedKey | undefined,
): readonly RawExpression[] {
  const register = registerIn(data, attribute);
  return register === undefined ? [] : [{ type: 'load', key, register }];
}

function isEtherType(data: DataView): boolean {
  const [base, offset, length] = [2, 3, 4].map((attribute) => numberIn(data, attribute));
  return base === 0 && offset === 12 && length === 2;
}

function mask(data: DataView): RawExpression {
  const from = registerIn(data, 1);
  const register = registerIn(data, 2) ?? 0;
  const [bits, flips] = [valueIn(data, 4), valueIn(data, 5)];
  if (from === undefined || bits === undefined || flips === undefined) {
    return { type: 'load', key: undefined, register };
  }
  return { type: 'mask', from, register, mask: bits, flips };
}

function compare(data: DataView): RawExpression {
  const register = registerIn(data, 1);
  const operator = numberIn(data, 2);
  const bytes = valueIn(data, 3);
  if (register === undefined || bytes === undefined) return { type: 'test' };
  if (operator !== EQUAL && operator !== DIFFERENT) return { type: 'test' };
  return { type: 'compare', register, isEqual: operator === EQUAL, bytes };
}

function immediate(data: DataView): readonly RawExpression[] {
  const value = findAttribute(data, 0, 2);
  const verdict = value && decodeVerdict(value);
  return verdict === undefined ? loaded(data, 1, undefined) : [{ type: 'verdict', verdict }];
}

/** @param data what holds a value or a verdict. Undefined if it is no verdict. */
export function decodeVerdict(data: DataView): Verdict | undefined {
  const verdict = findAttribute(data, 0, VERDICT);
  if (verdict === undefined) return undefined;
  const type = VERDICTS[findAttribute(verdict, 0, 1)?.getInt32(0) ?? NaN];
  // Another program decides about a frame in a queue.
  if (type === undefined) return undefined;
  if (type !== 'jump' && type !== 'goto') return { type };
  return { type, chain: textIn(verdict, 0, 2) ?? '' };
}

function numberIn(data: DataView, attribute: number): number | undefined {
  return findAttribute(data, 0, attribute)?.getUint32(0);
}

/** @returns where the register begins in the memory of all. Undefined for that of verdicts. */
function registerIn(data: DataView, attribute: number): number | undefined {
  const number = numberIn(data, attribute);
  if (number === undefined || number === 0) return undefined;
  return number < 8 ? (number - 1) * 16 : (number - 8) * 4;
}

export function valueIn(data: DataView, attribute: number): Uint8Array | undefined {
  const value = findAttribute(data, 0, attribute);
  const bytes = value && findAttribute(value, 0, VALUE);
  return bytes && bytesOf(bytes).slice();
}
