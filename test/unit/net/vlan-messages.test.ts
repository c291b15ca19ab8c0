/** What the kernel says of the VLANs of bridges and ports, and what is asked of it. */
import { expect, it } from 'vitest';
import {
  attribute,
  HEADER_LENGTH,
  joined,
  number,
} from '../../../plugin/net/netlink/netlink-messages.ts';
import {
  aboutAllVlans,
  decodeVlans,
  vlanAddition,
  vlanRemoval,
} from '../../../plugin/net/netlink/vlan-messages.ts';

const AF_BRIDGE = 7;
const IFLA_AF_SPEC = 26;
const [FLAGS, VLAN_INFO] = [0, 2];

const info = (flags: number, vlan: number) =>
  attribute(VLAN_INFO, Uint8Array.of(flags & 255, flags >> 8, vlan & 255, vlan >> 8));
const body = (index: number, ...spec: readonly Uint8Array[]) => {
  const header = new Uint8Array(16);
  header[0] = AF_BRIDGE;
  header[4] = index;
  const bytes = joined([header, attribute(IFLA_AF_SPEC, ...spec)]);
  return new DataView(bytes.buffer);
};

it('the VLANs of a port are ranges, and those without a tag are told', () => {
  const said = body(5, info(2 | 4, 1), info(8, 10), info(16, 20), info(0, 500));
  expect(decodeVlans(said)).toEqual([
    5,
    {
      vlans: [
        [1, 1],
        [10, 20],
        [500, 500],
      ],
      untagged: [[1, 1]],
    },
  ]);
});

it('what a card says of its own switch is no answer about the bridge', () => {
  expect(decodeVlans(body(5, number(2, FLAGS, 2), number(2, 1, 0)))).toBeUndefined();
});

it('a damaged answer has no VLANs', () => {
  expect(decodeVlans(body(5, attribute(VLAN_INFO, Uint8Array.of(1))))?.[1].vlans).toEqual([]);
  expect(decodeVlans(new DataView(new ArrayBuffer(16)))?.[1].vlans).toEqual([]);
});

it('each request is of family AF_BRIDGE: of another one, a removal would take the link away', () => {
  const member = { index: 5, vlan: 500, self: false };
  for (const request of [
    aboutAllVlans(),
    vlanAddition(member, true),
    vlanRemoval(member),
    vlanRemoval(member, 600),
  ]) {
    expect(request[HEADER_LENGTH]).toBe(AF_BRIDGE);
  }
});
