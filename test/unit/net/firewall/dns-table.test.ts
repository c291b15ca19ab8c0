/**
 * The bytes of the table of `dns=lease`. `kernel/sandbox/sandbox-dns.test.ts` shows what they do.
 */
import { describe, expect, it } from 'vitest';
import {
  dnsTableName,
  dnsTableRemoval,
  newDnsTable,
} from '../../../../plugin/net/firewall/dns-table.ts';
import {
  attributesOf,
  bytesOf,
  findAttribute,
  joined,
  textIn,
} from '../../../../plugin/net/netlink/netlink-messages.ts';
import { ip } from '../../../support/frames/messages.ts';

const KINDS: Readonly<Record<number, string>> = {
  ...{ 0x10: 'begin', 0x11: 'end', 0xa00: 'new table', 0xa02: 'delete table' },
  ...{ 0xa03: 'new chain', 0xa06: 'new rule' },
};
const BODY_AT = 16 + 4;

/** The messages of a batch, whole. */
function messagesOf(parts: readonly Uint8Array[]): DataView[] {
  const { buffer } = joined(parts);
  const messages: DataView[] = [];
  for (let at = 0; at < buffer.byteLength;) {
    const length = new DataView(buffer, at).getUint32(0, true);
    messages.push(new DataView(buffer, at, length));
    at += length;
  }
  return messages;
}
const kindOf = (message: DataView) => KINDS[message.getUint16(4, true)];
const kinds = (parts: readonly Uint8Array[]) => messagesOf(parts).map(kindOf);

/** The names of a rule's expressions. */
function expressionsOf(rule: DataView): string[] {
  const list = findAttribute(rule, BODY_AT, 4)!;
  return [...attributesOf(list, 0, 1)].map((one) => textIn(one, 0, 1)!);
}
/** The addresses that a rule compares with, or loads. */
const addressesOf = (rule: DataView) =>
  bytesOf(rule)
    .join('.')
    .match(/(?<=\.8\.0\.1\.0\.)10\.\d+\.\d+\.\d+/g);

const FROM = ip('10.99.0.53');
const TO = ip('10.50.0.1');

describe('the table', () => {
  const parts = newDnsTable('vlandhcp-vdc1', [{ from: FROM, to: TO }], 0);
  const rules = messagesOf(parts).filter((message) => kindOf(message) === 'new rule');

  it('takes the place of one of before in the same batch, and has an answer for each request', () => {
    const table = ['new table', 'delete table', 'new table', 'new chain', 'new chain'];
    const all = [...table, ...Array<string>(4).fill('new rule')];
    expect(kinds(parts)).toEqual(['begin', ...all, 'end']);
    expect(parts.length).toBe(all.length);
  });

  it('sends UDP and TCP to the other server, with the address of the way there', () => {
    const isQuery = ['meta', 'cmp', 'payload', 'cmp', 'payload', 'cmp'];
    const goesTo = [...isQuery, 'immediate', 'nat'];
    const leaves = [...isQuery, 'ct', 'bitwise', 'cmp', 'masq'];
    expect(rules.map(expressionsOf)).toEqual([goesTo, goesTo, leaves, leaves]);
    expect(rules.map(addressesOf)).toEqual([[FROM, TO], [FROM, TO], [TO], [TO]]);
    expect(rules.map((rule) => textIn(rule, BODY_AT, 2))).toEqual([
      ...['output', 'output', 'postrouting', 'postrouting'],
    ]);
  });

  it('has a rule for a server of the lease once, also if it replaces two', () => {
    const two = [FROM, ip('10.99.0.54')].map((from) => ({ from, to: TO }));
    const all = messagesOf(newDnsTable('t', two, 0)).filter(
      (message) => textIn(message, BODY_AT, 2) === 'postrouting',
    );
    expect(all.length).toBe(2);
  });

  it.each([
    [0, -150],
    [7, -143],
    [49, -101],
    [4000, -101],
    [Infinity, -101],
  ])('of interface %d has priority %d: before iptables, after conntrack', (order, priority) => {
    const chain = messagesOf(newDnsTable('t', [], order)).find(
      (message) => kindOf(message) === 'new chain',
    )!;
    const hook = findAttribute(chain, BODY_AT, 4)!;
    expect(findAttribute(hook, 0, 2)?.getInt32(0)).toBe(priority);
  });

  it('is named after the link, and removed by that name', () => {
    const removal = dnsTableRemoval(dnsTableName('vdc1'));
    expect(kinds(removal)).toEqual(['begin', 'new table', 'delete table', 'end']);
    expect(messagesOf(removal).map((message) => textIn(message, BODY_AT, 1))).toEqual([
      ...[undefined, 'vlandhcp-vdc1', 'vlandhcp-vdc1', undefined],
    ]);
  });
});
