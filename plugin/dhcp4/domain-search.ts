/**
 * Names in DNS wire form, as option 119 has them: labels, a zero octet, next name. A pointer
 * (11xxxxxx xxxxxxxx) continues at an offset of the option value (RFC 1035 §4.1.4, RFC 3397 §2).
 */

const LENGTH_MASK = 0x3f;
const POINTER = 0xc0;
/** RFC 1035 §2.3.4: the longest name in octets, with its length octets. */
const MAXIMUM_NAME_LENGTH = 255;

/** The names without final dots, or undefined if `value` is not a list of at least one name. */
export function decodeNames(value: Uint8Array): readonly string[] | undefined {
  const names: string[] = [];
  let offset = 0;
  while (offset < value.length) {
    const decoded = decodeName(value, offset);
    if (decoded === undefined) return undefined;
    names.push(decoded.name);
    offset = decoded.next;
  }
  return names.length === 0 ? undefined : names;
}

/**
 * Always ends: a pointer must lead to a place before the start of the present run of labels. So
 * each jump goes further back.
 */
function decodeName(
  value: Uint8Array,
  start: number,
): { readonly name: string; readonly next: number } | undefined {
  const labels: string[] = [];
  let offset = start;
  let runStart = start;
  let next: number | undefined;
  let nameLength = 1;
  for (;;) {
    const octet = value[offset];
    if (octet === undefined) return undefined;
    if (octet === 0) {
      return labels.length === 0 ? undefined : { name: labels.join('.'), next: next ?? offset + 1 };
    }
    if ((octet & POINTER) === POINTER) {
      const low = value[offset + 1];
      if (low === undefined) return undefined;
      const target = (octet & LENGTH_MASK) * 0x100 + low;
      if (target >= runStart) return undefined;
      next ??= offset + 2;
      offset = target;
      runStart = target;
      continue;
    }
    const end = offset + 1 + octet;
    nameLength += 1 + octet;
    // The two other values of the leading bits are reserved (RFC 1035 §4.1.4).
    if (octet > LENGTH_MASK || end > value.length || nameLength > MAXIMUM_NAME_LENGTH) {
      return undefined;
    }
    labels.push(String.fromCharCode(...value.subarray(offset + 1, end)));
    offset = end;
  }
}
