import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { SystemCallError } from '../../../plugin/net/libc.ts';
import {
  openNetlinkEvents,
  type NetlinkEvents,
} from '../../../plugin/net/netlink/netlink-events.ts';
import { until } from '../../support/lab/lab.ts';
import { enterSandbox, ip, openDescriptors, run } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

const NETLINK_ROUTE = 0;
const NETLINK_NETFILTER = 12;
const RTNLGRP_LINK = 1;
const NFNLGRP_NFTABLES = 7;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const NFT_MSG_DELTABLE = 0x0a02;

let sandbox: Sandbox;
let events: NetlinkEvents | undefined;
let types: number[] = [];
let overflows = 0;

function listen(protocol: number, group: number): void {
  events = openNetlinkEvents({
    protocol,
    groups: [group],
    onMessage: ({ type }) => types.push(type),
    onOverflow: () => (overflows += 1),
  });
}

beforeEach(() => {
  sandbox = enterSandbox();
  types = [];
  overflows = 0;
});

afterEach(() => {
  events?.close();
  sandbox.dispose();
});

describe('notifications', () => {
  test('a link that comes and goes', async () => {
    listen(NETLINK_ROUTE, RTNLGRP_LINK);
    ip('link add name br0 type bridge');
    await until('the link has come', () => types.includes(RTM_NEWLINK));
    ip('link del dev br0');
    await until('the link has gone', () => types.includes(RTM_DELLINK));
    expect(overflows).toBe(0);
  });

  test('a queue that ran over is told, and what comes later is heard', async () => {
    listen(NETLINK_NETFILTER, NFNLGRP_NFTABLES);
    const rule = `add rule ip filter FORWARD counter comment "${'x'.repeat(120)}"\n`;
    // This thread waits for nft, so nobody reads the messages meanwhile.
    const head = 'add table ip filter\nadd chain ip filter FORWARD\n';
    run('nft', ['-f', '-'], head + rule.repeat(10_000));
    await until('the overflow is told', () => overflows > 0);
    await until('the queue is empty', () => types.length > 0);
    types = [];
    run('nft', ['add', 'table', 'ip', 'one']);
    run('nft', ['delete', 'table', 'ip', 'one']);
    await until('the end of the table is heard', () => types.includes(NFT_MSG_DELTABLE));
  });

  test('nothing comes after close, and no descriptor is left', async () => {
    const before = openDescriptors();
    listen(NETLINK_ROUTE, RTNLGRP_LINK);
    ip('link add name br0 type bridge');
    events?.close();
    events?.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(types).toEqual([]);
    expect(openDescriptors()).toEqual(before);
  });

  test('a protocol that the kernel does not have', () => {
    const before = openDescriptors();
    expect(() => listen(31, 1)).toThrow(SystemCallError);
    expect(openDescriptors()).toEqual(before);
  });
});
