/**
 * Encodes what requests to nf_tables have in common. Bytes only.
 *
 *   struct nfgenmsg  0 family (1)  1 version (1)  2 subsystem, only in a batch (2)
 *   a batch          begin, the requests, end. Numbers in attributes are in network order.
 *   an expression    1 its name  2 its data
 */
import { attribute, joined, message, text } from '../netlink/netlink-messages.ts';

export const SUBSYSTEM = 10;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;

export function header(family: number, subsystem = 0): Uint8Array {
  return Uint8Array.of(family, 0, 0, subsystem);
}

/**
 * The kernel does all of a batch or nothing.
 * @param checks attributes of its begin.
 * @returns a part for each request, so for each answer. Begin and end have no answer.
 */
export function batched(
  requests: readonly Uint8Array[],
  ...checks: readonly Uint8Array[]
): readonly Uint8Array[] {
  const begin = message(BATCH_BEGIN, 0, header(0, SUBSYSTEM), ...checks);
  const end = message(BATCH_END, 0, header(0, SUBSYSTEM));
  return requests.map((request, index) =>
    joined([
      ...(index === 0 ? [begin] : []),
      request,
      ...(index === requests.length - 1 ? [end] : []),
    ]),
  );
}

export function expression(name: string, ...data: readonly Uint8Array[]): Uint8Array {
  return attribute(1, text(1, name), attribute(2, ...data));
}

/** Register 1 has these bytes. */
export function equals(bytes: Uint8Array): Uint8Array {
  return compared(0, bytes);
}

export function differs(bytes: Uint8Array): Uint8Array {
  return compared(1, bytes);
}

function compared(operator: number, bytes: Uint8Array): Uint8Array {
  return expression('cmp', wide(1, 1), wide(2, operator), value(3, bytes));
}

/** An attribute with bytes to compare with, or to load. */
export function value(type: number, bytes: Uint8Array): Uint8Array {
  return attribute(type, attribute(1, bytes));
}

/** An attribute with a number of four bytes in network order. */
export function wide(type: number, number: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, number);
  return attribute(type, bytes);
}
