import { describe, expect, it } from 'vitest';
import {
  isVlan,
  mtuBehindTags,
  outerTagOf,
  parseVlan,
  tagsOf,
  typedVlan,
  vlanLabel,
  type Vlan,
} from '../../../plugin/vocabulary/vlan-tags.ts';

const inner = { protocol: '802.1Q', id: 500 };
const ad = { protocol: '802.1ad', id: 10 };
const q = { protocol: '802.1Q', id: 10 };

describe('the tags of a VLAN', () => {
  it.each([
    ['500', undefined, 500, [inner], '500', 1500],
    ['10.500', undefined, '10.500', [ad, inner], '10.500', 1496],
    ['10.500', '802.1ad', '10.500', [ad, inner], '10.500', 1496],
    ['10.500', '802.1q', '10q.500', [q, inner], '10.500 (outer tag 802.1Q)', 1496],
  ])('%s with outer=%s', (text, outer, vlan, tags, label, mtu) => {
    expect(parseVlan(text, outer)).toBe(vlan);
    expect(tagsOf(vlan as Vlan)).toEqual(tags);
    expect(outerTagOf(vlan as Vlan)).toEqual(tags.length > 1 ? tags[0] : undefined);
    expect(vlanLabel(vlan as Vlan)).toBe(label);
    expect(mtuBehindTags(vlan as Vlan, 1500)).toBe(mtu);
    const typed = typedVlan(vlan as Vlan);
    expect(parseVlan(typed.vlan, typed.outer)).toBe(vlan);
    expect(isVlan(vlan)).toBe(true);
  });

  it('an untagged segment has none', () => {
    expect([tagsOf(undefined), outerTagOf(undefined)]).toEqual([[], undefined]);
  });

  it.each([0, 4095, 1.5, NaN, '500', '10.0', '10.4095', '010.500', '10.', '.5', '1.2.3', 'q1.2'])(
    '%j is no VLAN in a record',
    (value) => {
      expect(isVlan(value)).toBe(false);
    },
  );
});
