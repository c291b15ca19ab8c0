/**
 * From octets to options by code (RFC 2132 §2 and §9.3, RFC 3396).
 *
 * If an option cannot be read, only that option is left out, and `damaged` names it. The rest of
 * the message is used. An option that runs past its area ends the area, because the options after
 * it cannot be found.
 */
import { ipv4FromBytes, type Ipv4 } from '../wire/address.ts';
import { Writer } from '../wire/writer.ts';

export interface OptionSpace {
  /** Code to value. Each value is a copy. */
  readonly options: ReadonlyMap<number, Uint8Array>;
  /** Code to the bytes that were seen, for options that could not be read. */
  readonly damaged: ReadonlyMap<number, string>;
}

const PAD = 0;
const OVERLOAD = 52;
const SERVER_ID = 54;
const CLIENT_ID = 61;
const END = 255;

/**
 * The length of options that have only one length. Such an option is never joined from parts: RFC
 * 3396 is for values that may be long. dnsmasq sends its own option 54 and then that of
 * `--dhcp-option=54`.
 */
export const FIXED_LENGTHS: ReadonlyMap<number, number> = new Map([
  [1, 4], // subnet mask
  [2, 4], // time offset
  [26, 2], // interface MTU
  [28, 4], // broadcast address
  [50, 4], // requested address
  [51, 4], // lease time
  [OVERLOAD, 1],
  [53, 1], // message type
  [SERVER_ID, 4],
  [57, 2], // maximum message size
  [58, 4], // T1
  [59, 4], // T2
]);

/**
 * @param source the IPv4 source of the packet. If there are two server identifiers, the one equal
 * to this address is used, because dnsmasq answers only to its own.
 */
export function readOptionSpace(
  areas: { readonly options: Uint8Array; readonly file: Uint8Array; readonly sname: Uint8Array },
  source: Ipv4 | undefined,
): OptionSpace {
  const parts = new Map<number, Uint8Array[]>();
  const damaged = new Map<number, string>();
  collect(areas.options, parts, damaged);
  const overload = overloadValue(parts.get(OVERLOAD), damaged);
  // RFC 3396 §5 fixes the order in which the three places form one option space.
  if ((overload & 1) !== 0) collect(areas.file, parts, damaged);
  if ((overload & 2) !== 0) collect(areas.sname, parts, damaged);
  parts.delete(OVERLOAD);
  const options = new Map<number, Uint8Array>();
  for (const [code, values] of parts) {
    const value = valueOf(code, values, source);
    const fixed = FIXED_LENGTHS.get(code);
    if (fixed === undefined) {
      // A value with a missing part is not used.
      if (!damaged.has(code)) options.set(code, value);
    } else if (value.length === fixed) {
      options.set(code, value);
      damaged.delete(code);
    } else if (!damaged.has(code)) {
      damaged.set(code, `it has ${octets(value.length)}, not ${fixed}`);
    }
  }
  return { options, damaged };
}

/**
 * Accepts an area that ends after an option without 255, because some servers fill the last octet.
 */
function collect(
  area: Uint8Array,
  parts: Map<number, Uint8Array[]>,
  damaged: Map<number, string>,
): void {
  let offset = 0;
  while (offset < area.length) {
    const code = area[offset]!;
    if (code === END) return;
    offset += 1;
    if (code === PAD) continue;
    const length = area[offset];
    offset += 1;
    if (length === undefined || length > area.length - offset) {
      const left = octets(Math.max(0, area.length - offset));
      damaged.set(code, `it runs past the end: length ${length ?? 'missing'}, ${left} left`);
      return;
    }
    const value = area.subarray(offset, offset + length);
    offset += length;
    const values = parts.get(code);
    if (values === undefined) parts.set(code, [value]);
    else values.push(value);
  }
}

/** RFC 2132 §9.3: 1 = file, 2 = sname, 3 = both. 0 means not overloaded, or not readable. */
function overloadValue(
  parts: readonly Uint8Array[] | undefined,
  damaged: Map<number, string>,
): number {
  if (parts === undefined) return 0;
  const value = valueOf(OVERLOAD, parts, undefined);
  const places = value.length === 1 ? value[0]! : 0;
  if (places >= 1 && places <= 3) return places;
  damaged.set(OVERLOAD, `its value is ${value.join(' ') || 'empty'}, not 1, 2 or 3`);
  return 0;
}

/**
 * For a fixed-length option: the first part that has this length. If there is none, and for all
 * other options: the parts joined (RFC 3396 §7). A client identifier that comes twice counts once.
 */
function valueOf(code: number, parts: readonly Uint8Array[], source: Ipv4 | undefined): Uint8Array {
  const fixed = FIXED_LENGTHS.get(code);
  const whole = parts.filter(({ length }) => length === fixed);
  const sources = code === SERVER_ID ? whole.filter((part) => ipv4FromBytes(part) === source) : [];
  const isSaidAgain = code === CLIENT_ID && parts.every((part) => isEqual(part, parts[0]!));
  return joined(sources[0] ?? whole[0] ?? (isSaidAgain ? parts[0]! : undefined), parts);
}

/** A copy, so that a kept lease does not hold a receive buffer, or change with it. */
function joined(chosen: Uint8Array | undefined, parts: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer();
  for (const part of chosen === undefined ? parts : [chosen]) writer.bytes(part);
  return writer.toBytes();
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((octet, index) => octet === other[index]);
}

function octets(count: number): string {
  return count === 1 ? '1 octet' : `${count} octets`;
}
