/** Checks docs/on-your-host.md against the code: names, marks and places. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hostLinkName, linkEnds } from '../../plugin/options/endpoint-identity.ts';
import { parseNetworkOptions } from '../../plugin/options/options.ts';
import {
  bridgeMac,
  bridgeMark,
  ENDPOINT_MARK,
  hostEndMac,
  hostMark,
  VLAN_MARK,
  vlanLinkName,
} from '../../plugin/net/links/link-names.ts';
import { parseSettings } from '../../plugin/settings.ts';
import { FakeStore } from '../support/fakes/fake-store.ts';
import { mac } from '../support/frames/messages.ts';
import { root } from '../support/pages/readme.ts';

const page = readFileSync(join(root, 'docs/on-your-host.md'), 'utf8');
const MAC = mac('02:00:00:00:00:01');

it('the names of links', () => {
  expect(page).toContain(`| VLAN link | \`${vlanLinkName('eth1', 500)}\`; \`vlan500.\``);
  expect(vlanLinkName('a-long-parent', 500)).toMatch(/^vlan500\./);
  for (const options of [{ parent: 'eth1', vlan: '500' }, { parent: 'eth1' }]) {
    expect(page).toContain(`\`${parseNetworkOptions(options).bridge}\``);
  }
  expect(page).toContain('| `vdh` and 12 hex digits |');
  expect(linkEnds('x').hostEnd).toMatch(/^vdh[0-9a-f]{12}$/);
  expect(page).toContain('| `vdhost` and 8 hex digits |');
  expect(hostLinkName('x')).toMatch(/^vdhost[0-9a-f]{8}$/);
  expect(page).toContain('| `vdc` and the same digits;');
  expect(linkEnds('x').containerEnd).toBe(linkEnds('x').hostEnd.replace('vdh', 'vdc'));
});

it('their marks and MACs', () => {
  for (const mark of [VLAN_MARK, bridgeMark('eth1.500'), ENDPOINT_MARK, hostMark('vdhost…')]) {
    expect(page).toContain(`| \`${mark}\` |`);
  }
  expect(bridgeMac('br500', 'eth1', MAC)).toMatch(/^02:/);
  expect(hostEndMac('vdh0', MAC)).toMatch(/^fe:/);
  expect(page).toMatch(/\| bridge .*\| `02:…`/);
  expect(page).toMatch(/\| host end .*\| `fe:…`/);
});

it('the folders of the state', () => {
  const folders = Object.keys(new FakeStore().contents);
  expect(folders).toContain('networks');
  for (const name of folders) expect(page).toContain(`\`${name}\``);
});

it('where the socket and the state of the service are', () => {
  const { sockets, stateDir } = parseSettings([], {});
  for (const path of [...sockets, stateDir]) expect(page).toContain(`\`${path}\``);
});
