/**
 * Encodes and decodes messages of netlink(7) and their attributes, as bytes.
 *
 *   struct nlmsghdr   0 length (4)  4 type (2)  6 flags (2)  8 sequence (4)  12 port (4)
 *   struct rtattr     0 length (2)  2 type (2)  4 value, padded to a multiple of 4
 */

const NLM_F_REQUEST = 1;
export const HEADER_LENGTH = 16;
const ATTRIBUTE_HEADER_LENGTH = 4;
/** Two bits of the type are flags: "nested" and "in network order". */
const NLA_TYPE_MASK = 0x3fff;

export function message(
  type: number,
  flags: number,
  ...parts: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const body = joined(parts);
  const whole = new Uint8Array(HEADER_LENGTH + body.length);
  const view = new DataView(whole.buffer);
  view.setUint32(0, whole.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | flags, true);
  whole.set(body, HEADER_LENGTH);
  return whole;
}

/** Encodes an attribute. The values may be attributes, too. */
export function attribute(type: number, ...values: readonly Uint8Array[]): Uint8Array {
  const value = joined(values);
  const length = ATTRIBUTE_HEADER_LENGTH + value.length;
  const whole = new Uint8Array(padded(length));
  const view = new DataView(whole.buffer);
  view.setUint16(0, length, true);
  view.setUint16(2, type, true);
  whole.set(value, ATTRIBUTE_HEADER_LENGTH);
  return whole;
}

export function text(type: number, value: string): Uint8Array {
  return attribute(type, new TextEncoder().encode(`${value}\0`));
}

export function number(bytes: 1 | 2 | 4, type: number, value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  if (bytes === 1) view.setUint8(0, value);
  else if (bytes === 2) view.setUint16(0, value, true);
  else view.setUint32(0, value, true);
  return attribute(type, new Uint8Array(view.buffer));
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function padded(length: number): number {
  return Math.ceil(length / 4) * 4;
}

/** Returns the value of the first attribute of that type. The search starts at `at`. */
export function findAttribute(within: DataView, at: number, wanted: number): DataView | undefined {
  return attributesOf(within, at, wanted).next().value;
}

/** Returns the values of all attributes of that type, up to the first damaged one. */
export function* attributesOf(
  within: DataView,
  at: number,
  wanted: number,
): Generator<DataView, undefined> {
  while (at + ATTRIBUTE_HEADER_LENGTH <= within.byteLength) {
    const length = within.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_LENGTH || at + length > within.byteLength) return undefined;
    if ((within.getUint16(at + 2, true) & NLA_TYPE_MASK) === wanted) {
      const start = within.byteOffset + at + ATTRIBUTE_HEADER_LENGTH;
      yield new DataView(within.buffer, start, length - ATTRIBUTE_HEADER_LENGTH);
    }
    at += padded(length);
  }
  return undefined;
}

export function textIn(within: DataView, at: number, wanted: number): string | undefined {
  const value = findAttribute(within, at, wanted);
  if (value === undefined) return undefined;
  return new TextDecoder().decode(bytesOf(value).subarray(0, -1)); // without the zero at its end
}

export function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
