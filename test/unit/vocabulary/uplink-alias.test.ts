import { describe, expect, it } from 'vitest';
import {
  formatUplinkAlias,
  isCarried,
  isMemberMark,
  memberMark,
  parseUplinkAlias,
} from '../../../plugin/vocabulary/uplink-alias.ts';

describe('the alias of an uplink', () => {
  it('says site, VLANs and since when it is down, both ways', () => {
    for (const uplink of [
      { site: 'hq', vlans: '500,600-610', downSince: undefined },
      { site: 'hq', vlans: '500', downSince: '2026-11-28T14:02:00Z' },
      { site: 'hq', vlans: undefined, downSince: '2026-11-28T14:02:00Z' },
    ]) {
      expect(parseUplinkAlias(formatUplinkAlias(uplink))).toEqual(uplink);
    }
  });

  it('leaves out a list of VLANs that the kernel has no room for', () => {
    const vlans = Array.from({ length: 80 }, (_, index) => 1000 + 2 * index).join(',');
    const alias = formatUplinkAlias({ site: 'hq', vlans, downSince: undefined });
    expect(alias).toBe('vlandhcp uplink hq');
  });

  it('is told from every other alias', () => {
    for (const other of [undefined, '', 'vlandhcp vlan', 'vlandhcp member hq', 'vlandhcp uplink'])
      expect(parseUplinkAlias(other)).toBeUndefined();
    expect(isMemberMark(memberMark('laptop'))).toBe(true);
    expect(isMemberMark('vlandhcp vlan')).toBe(false);
  });

  it('carries the VLANs of its list, by the outermost tag, and nothing untagged', () => {
    const uplink = { site: 'hq', vlans: '500,600-610', downSince: undefined };
    const carried = [500, 600, 605, 610, '605.7', '605q.7'] as const;
    const not = [499, 501, 611, '7.500', undefined] as const;
    for (const vlan of carried) {
      const isBehind8021ad = vlan === '605.7';
      expect([vlan, isCarried(uplink, vlan)]).toEqual([vlan, !isBehind8021ad]);
    }
    for (const vlan of not) expect([vlan, isCarried(uplink, vlan)]).toEqual([vlan, false]);
    expect(isCarried({ ...uplink, vlans: undefined }, 7)).toBe(true);
  });
});
