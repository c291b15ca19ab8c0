/**
 * Domain names as DNSSL of an RA and the options of DHCPv6 have them: labels, a zero octet, next
 * name (RFC 1035 §3.1). Zero octets may follow the last (RFC 8106 §5.2). They are not compressed.
 */
import { Writer } from '../wire/writer.ts';

/** RFC 1035 §2.3.4, in octets. */
const MAXIMUM_LABEL_LENGTH = 63;
/** RFC 1035 §2.3.4: the longest name in octets, with its length octets. */
const MAXIMUM_NAME_LENGTH = 255;
/** Printable ASCII without the dot. Other labels would be ambiguous in a log and in resolv.conf. */
const LABEL = /^[!-\-/-~]+$/;

/** The names without final dots, or undefined if `value` is not a list of at least one name. */
export function decodeNames(value: Uint8Array): readonly string[] | undefined {
  const names: string[] = [];
  let labels: string[] = [];
  let nameLength = 1;
  let offset = 0;
  while (offset < value.length) {
    const length = value[offset]!;
    offset += 1;
    if (length === 0) {
      // An empty name is the start of the padding.
      if (labels.length === 0) break;
      names.push(labels.join('.'));
      labels = [];
      nameLength = 1;
      continue;
    }
    const label = String.fromCharCode(...value.subarray(offset, offset + length));
    nameLength += 1 + length;
    const isFitting = length <= MAXIMUM_LABEL_LENGTH && nameLength <= MAXIMUM_NAME_LENGTH;
    if (!isFitting || label.length < length || !LABEL.test(label)) return undefined;
    labels.push(label);
    offset += length;
  }
  const isPadding = value.subarray(offset).every((octet) => octet === 0);
  return labels.length > 0 || names.length === 0 || !isPadding ? undefined : names;
}

/** @param names have been decoded by `decodeNames`. The result is not padded. */
export function encodeNames(names: readonly string[]): Uint8Array {
  const writer = new Writer();
  for (const name of names) {
    for (const label of name.split('.')) {
      writer.u8(label.length).bytes(Uint8Array.from(label, (letter) => letter.charCodeAt(0)));
    }
    writer.u8(0);
  }
  return writer.toBytes();
}
