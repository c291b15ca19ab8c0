/**
 * Options of DHCPv6: RFC 9915 §21; DNS servers and search list (RFC 3646 §3, §4); client FQDN (RFC
 * 4704 §4).
 *
 * An option that ends behind its message, its IA or its address spoils the whole message. An option
 * that is not known, or whose value breaks its own format, is kept as `unknown` with its bytes. So
 * it is ignored here, and the rest of the message counts. Options may stand in any order.
 */
import { decodeNames, encodeNames } from '../vocabulary/dns-names.ts';
import { duidFromBytes, duidToBytes, type Duid } from '../vocabulary/ipv6/duid.ts';
import type { Ipv6 } from '../wire/address6.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';

/** Times are seconds, as on the wire. All ones mean infinity (RFC 9915 §7.7). */
export type Dhcp6Option =
  | { readonly type: 'client-id' | 'server-id'; readonly duid: Duid }
  | IaNa
  | IaAddress
  | { readonly type: 'option-request'; readonly codes: readonly number[] }
  /** `elapsed-time` counts hundredths of a second. */
  | { readonly type: 'preference' | 'elapsed-time' | SecondsOption; readonly value: number }
  | StatusCode
  | { readonly type: 'rapid-commit' }
  | { readonly type: 'dns-servers'; readonly servers: readonly Ipv6[] }
  | { readonly type: 'domain-list'; readonly names: readonly string[] }
  | Fqdn
  /** `value`: the octets after code and length. */
  | { readonly type: 'unknown'; readonly code: number; readonly value: Uint8Array };

type SecondsOption = 'refresh-time' | 'sol-max-rt' | 'inf-max-rt';

/** An identity association for non-temporary addresses (RFC 9915 §21.4). */
export interface IaNa {
  readonly type: 'ia-na';
  readonly iaid: number;
  readonly t1: number;
  readonly t2: number;
  readonly options: readonly Dhcp6Option[];
}

/** RFC 9915 §21.6. */
export interface IaAddress {
  readonly type: 'ia-address';
  readonly address: Ipv6;
  readonly preferredLifetime: number;
  readonly validLifetime: number;
  readonly options: readonly Dhcp6Option[];
}

/** RFC 9915 §21.13. Characters of `text` that are not printable ASCII are U+FFFD. */
export interface StatusCode {
  readonly type: 'status';
  readonly status: number;
  readonly text: string;
}

/** RFC 4704 §4.1. `name` has no final dot; it is partial if the server is to add a domain. */
export interface Fqdn {
  readonly type: 'fqdn';
  readonly flags: number;
  readonly name: string;
  readonly isPartial: boolean;
}

export const CODE = {
  'client-id': 1,
  'server-id': 2,
  'ia-na': 3,
  'ia-address': 5,
  'option-request': 6,
  preference: 7,
  'elapsed-time': 8,
  status: 13,
  'rapid-commit': 14,
  'dns-servers': 23,
  'domain-list': 24,
  'refresh-time': 32,
  fqdn: 39,
  'sol-max-rt': 82,
  'inf-max-rt': 83,
} as const;

type KnownType = keyof typeof CODE;

const TYPE_OF = new Map<number, KnownType>(
  Object.entries(CODE).map(([type, code]) => [code, type as KnownType]),
);

/** How wide the options are that are one number. */
const WIDTH = {
  preference: 1,
  'elapsed-time': 2,
  'refresh-time': 4,
  'sol-max-rt': 4,
  'inf-max-rt': 4,
} as const;

/** The byte that stands for a character that could not be shown: SUB. */
const SUBSTITUTE = 0x1a;

/** @param base is added to the offset in errors. @throws MalformedError */
export function decodeOptions(bytes: Uint8Array, base: number): readonly Dhcp6Option[] {
  const reader = new Reader(bytes, base);
  const options: Dhcp6Option[] = [];
  while (reader.remaining > 0) {
    const code = reader.u16('option code');
    const length = reader.u16('option length');
    const at = reader.offset;
    const value = reader.bytes(length, 'option');
    options.push(decodeOption(TYPE_OF.get(code), value, at) ?? { type: 'unknown', code, value });
  }
  return options;
}

/** Undefined if the option is not known, or its value breaks its format. */
function decodeOption(
  type: KnownType | undefined,
  value: Uint8Array,
  at: number,
): Dhcp6Option | undefined {
  const { length } = value;
  const reader = new Reader(value, at);
  switch (type) {
    case 'client-id':
    case 'server-id': {
      const duid = duidFromBytes(value);
      return duid && { type, duid };
    }
    case 'ia-na':
      return length < 12 ? undefined : decodeIaNa(reader);
    case 'ia-address':
      return length < 24 ? undefined : decodeIaAddress(reader);
    case 'option-request':
      return length % 2 === 0 ? { type, codes: list(reader, () => reader.u16('code')) } : undefined;
    case 'preference':
      return length === WIDTH[type] ? { type, value: reader.u8(type) } : undefined;
    case 'elapsed-time':
      return length === WIDTH[type] ? { type, value: reader.u16(type) } : undefined;
    case 'refresh-time':
    case 'sol-max-rt':
    case 'inf-max-rt':
      return length === WIDTH[type] ? { type, value: reader.u32(type) } : undefined;
    case 'status':
      if (length < 2) return undefined;
      return { type, status: reader.u16('status code'), text: shown(value.subarray(2)) };
    case 'rapid-commit':
      return length === 0 ? { type } : undefined;
    case 'dns-servers':
      if (length === 0 || length % 16 !== 0) return undefined;
      return { type, servers: list(reader, () => reader.ipv6('DNS server')) };
    case 'domain-list': {
      const names = decodeNames(value);
      return names && { type, names };
    }
    case 'fqdn':
      return length < 1 ? undefined : decodeFqdn(value[0]!, value.subarray(1));
    case undefined:
      return undefined;
  }
}

function decodeIaNa(reader: Reader): IaNa {
  const iaid = reader.u32('IAID');
  const t1 = reader.u32('T1');
  const t2 = reader.u32('T2');
  return { type: 'ia-na', iaid, t1, t2, options: optionsIn(reader) };
}

function decodeIaAddress(reader: Reader): IaAddress {
  const address = reader.ipv6('IA address');
  const preferredLifetime = reader.u32('preferred lifetime');
  const validLifetime = reader.u32('valid lifetime');
  const options = optionsIn(reader);
  return { type: 'ia-address', address, preferredLifetime, validLifetime, options };
}

function optionsIn(reader: Reader): readonly Dhcp6Option[] {
  const at = reader.offset;
  return decodeOptions(reader.bytes(reader.remaining, 'options'), at);
}

/** A name without its zero octet is partial (RFC 4704 §4.2). */
function decodeFqdn(flags: number, encoded: Uint8Array): Fqdn | undefined {
  const isPartial = encoded.at(-1) !== 0;
  const names = decodeNames(isPartial ? Uint8Array.from([...encoded, 0]) : encoded);
  const [name, ...more] = names ?? [];
  if (name === undefined || more.length > 0) return undefined;
  return { type: 'fqdn', flags, name, isPartial };
}

function list<Value>(reader: Reader, read: () => Value): readonly Value[] {
  const values: Value[] = [];
  while (reader.remaining > 0) values.push(read());
  return values;
}

function shown(octets: Uint8Array): string {
  return Array.from(octets, (octet) =>
    octet >= 0x20 && octet <= 0x7e ? String.fromCharCode(octet) : '\ufffd',
  ).join('');
}

export function encodeOptions(options: readonly Dhcp6Option[]): Uint8Array {
  const writer = new Writer();
  for (const option of options) {
    const value = encodeValue(option);
    writer.u16(option.type === 'unknown' ? option.code : CODE[option.type]);
    writer.u16(value.length).bytes(value);
  }
  return writer.toBytes();
}

function encodeValue(option: Dhcp6Option): Uint8Array {
  const writer = new Writer();
  switch (option.type) {
    case 'client-id':
    case 'server-id':
      return duidToBytes(option.duid);
    case 'ia-na':
      writer.u32(option.iaid).u32(option.t1).u32(option.t2);
      return writer.bytes(encodeOptions(option.options)).toBytes();
    case 'ia-address':
      writer.ipv6(option.address).u32(option.preferredLifetime).u32(option.validLifetime);
      return writer.bytes(encodeOptions(option.options)).toBytes();
    case 'option-request':
      for (const code of option.codes) writer.u16(code);
      return writer.toBytes();
    case 'preference':
      return writer.u8(option.value).toBytes();
    case 'elapsed-time':
      return writer.u16(option.value).toBytes();
    case 'refresh-time':
    case 'sol-max-rt':
    case 'inf-max-rt':
      return writer.u32(option.value).toBytes();
    case 'status':
      return writer.u16(option.status).bytes(unshown(option.text)).toBytes();
    case 'rapid-commit':
      return writer.toBytes();
    case 'dns-servers':
      for (const server of option.servers) writer.ipv6(server);
      return writer.toBytes();
    case 'domain-list':
      return encodeNames(option.names);
    case 'fqdn': {
      const encoded = encodeNames([option.name]);
      writer.u8(option.flags).bytes(option.isPartial ? encoded.subarray(0, -1) : encoded);
      return writer.toBytes();
    }
    case 'unknown':
      return option.value;
  }
}

function unshown(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) =>
    letter === '\ufffd' ? SUBSTITUTE : letter.charCodeAt(0),
  );
}

/** The first option of a type. A second one is ignored. */
export function optionOf<Type extends Dhcp6Option['type']>(
  options: readonly Dhcp6Option[],
  type: Type,
): (Dhcp6Option & { readonly type: Type }) | undefined {
  return options.find(
    (option): option is Dhcp6Option & { readonly type: Type } => option.type === type,
  );
}
