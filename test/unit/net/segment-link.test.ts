import { describe, expect, test } from 'vitest';

import { parseVlanConfig } from '../../../plugin/net/segment-link.ts';

const HEADING = 'VLAN Dev name\t | VLAN ID\nName-Type: VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD\n';

describe('the kernel’s list of VLAN links', () => {
  test('is three columns below two lines of heading', () => {
    const text = `${HEADING}eth1.500       | 500  | eth1\nvlan-of-fifteen| 4094  | a|b\n`;
    expect(parseVlanConfig(text)).toEqual([
      { name: 'eth1.500', vlan: 500, parent: 'eth1' },
      { name: 'vlan-of-fifteen', vlan: 4094, parent: 'a|b' },
    ]);
    expect(parseVlanConfig(HEADING)).toEqual([]);
  });

  test.each([
    ['nothing', ''],
    ['another title', HEADING.replace('VLAN ID', 'VID')],
    ['a title alone', 'VLAN Dev name\t | VLAN ID\n'],
    ['no name type', `VLAN Dev name\t | VLAN ID\neth1.5         | 5  | eth1\n`],
    ['a row without parent', `${HEADING}eth1.5         | 5\n`],
    ['a row with more columns', `${HEADING}eth1.5         | 5  | eth1  | up\n`],
    ['a row whose id is no number', `${HEADING}eth1.5         | five  | eth1\n`],
  ])('is not taken for one with %s', (_, text) => {
    expect(parseVlanConfig(text)).toBeUndefined();
  });
});
