/** The name servers of the host. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseNameServers, readHostDns } from '../../../plugin/net/resolv-conf.ts';

test('the name servers of a resolv.conf are told', () => {
  const text = [
    '# nameserver 10.0.0.1',
    'nameserver 10.0.0.53',
    ' nameserver\t10.0.0.54 # office',
    'nameserver fd00:0::53',
    'nameserver fe80::1%eth0',
    'nameserver 10.0.0.256',
    'nameservers 10.0.0.2',
    'search example.org',
    'nameserver 127.0.0.53',
  ].join('\n');
  expect(parseNameServers(text)).toEqual(['10.0.0.53', '10.0.0.54', 'fd00::53', '127.0.0.53']);
  expect(parseNameServers('')).toEqual([]);
});

test('a missing file names none, and is not outdated', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-resolv-'));
  try {
    const file = join(folder, 'resolv.conf');
    expect(readHostDns(file)).toEqual({ servers: [], isOutdated: false });
    writeFileSync(join(folder, 'new'), 'nameserver 10.0.0.53\n');
    renameSync(join(folder, 'new'), file);
    expect(readHostDns(file)).toEqual({ servers: ['10.0.0.53'], isOutdated: false });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
