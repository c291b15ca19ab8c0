/**
 * A host whose only way out is an HTTP proxy: the NAT is that proxy (tinyproxy), and forwards
 * nothing. The way over TLS goes through it.
 */
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { until } from '../../support/lab/netns.ts';
import { startTinyproxy } from '../../support/uplink/uplink-proxies.ts';
import { UplinkSite } from '../../support/uplink/uplink-site.ts';

const PROXY = 'http://192.168.7.1:3128';
const WAY = ' tls 203.0.113.10:443 by 192.168.7.1:3128 ';
let site: UplinkSite;
let proxy: Awaited<ReturnType<typeof startTinyproxy>>;

beforeAll(async () => {
  site = new UplinkSite([]);
  const init = '--site hq --trunk eth1 --endpoint 203.0.113.10 --subnet 10.83.41.0 --tls 443';
  expect(site.vlandhcp('hub', `hub init ${init}`)).toMatchObject({ stderr: '', status: 0 });
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
  site.exec('nat', 'nft insert rule ip filter forward counter drop');
});
afterAll(() => site.dispose());
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-8_000)}\n`);
});

const token = (name: string) =>
  `${site.vlandhcp('hub', `hub invite ${name} --vlans 500`).stdout.split('\n').at(-2)}\n`;
const status = () => site.vlandhcp('remote', 'uplink status').stdout;
const isUpBy = (way: string) => () => / {3}up \d/.test(status()) && status().includes(way);

/** Another proxy, with other settings, in the place of the one that runs. */
async function proxyWith(...more: string[]): Promise<void> {
  if (proxy !== undefined) {
    const gone = once(proxy, 'exit');
    proxy.kill('SIGKILL');
    await gone;
  }
  proxy = await startTinyproxy(site, 'nat', more);
}

test('a proxy that wants a password, or does not allow the port, is named by the join', async () => {
  await proxyWith('BasicAuth me secret');
  const paste = token('one');
  const asked = site.vlandhcp('remote', `uplink join --proxy ${PROXY}`, paste);
  expect(asked.stderr).toContain(
    'over TLS on 203.0.113.10:443 by 192.168.7.1:3128 (the proxy 192.168.7.1:3128 wants a user and a password, status 407; write them as http://USER:PASSWORD@192.168.7.1:3128)',
  );
  await proxyWith('ConnectPort 8443');
  const refused = site.vlandhcp('remote', `uplink join --proxy ${PROXY}`, paste);
  expect(refused.stderr).toContain(
    '(the proxy 192.168.7.1:3128 does not let this host reach 203.0.113.10:443, status 403; who runs the proxy must allow it)',
  );
  expect(Object.keys(site.links('remote')).sort()).toEqual(['eth0', 'lo']);
});

test('a host joins through a proxy with a password, and no output shows the password', async () => {
  await proxyWith('BasicAuth me secret', 'ConnectPort 443');
  const words = 'uplink join --proxy http://me:secret@192.168.7.1:3128';
  const joined = site.vlandhcp('remote', words, token('two'));
  expect([joined.stderr, joined.status]).toEqual(['', 0]);
  expect(joined.stdout).toMatch(/^joined "hq" as 10\.83\.41\.\d+ over TLS in /);
  expect(status()).toContain(WAY);
  expect(site.vlandhcp('hub', 'hub list').stdout).toContain('   tls 198.51.100.7   ');
  expect(site.vlandhcp('remote', 'uplink status --json').stdout).not.toContain('secret');
  expect(site.log).not.toContain('secret');
});

test('the proxy is kept: a service that was killed, and a proxy that was, are back by it', async () => {
  await site.kill('remote');
  await site.service('remote', 'uplink');
  await until('the member is up through the proxy', isUpBy(WAY));
  await proxyWith('BasicAuth me secret');
  await until('a new stream goes through the proxy', () =>
    /ESTAB|192/.test(site.exec('nat', 'ss -Htn state established sport = :3128')),
  );
  await until('the member is up through the proxy', isUpBy(WAY));
  expect(site.vlandhcp('remote', 'uplink leave').stdout).toContain('here and at the hub');
});

test('HTTPS_PROXY of the service is used, unless NO_PROXY names the hub', async () => {
  await proxyWith();
  await site.kill('remote');
  site.environment = { HTTPS_PROXY: PROXY, NO_PROXY: '203.0.113.0/24' };
  await site.service('remote', 'uplink');
  const paste = token('three');
  const direct = site.vlandhcp('remote', 'uplink join', paste);
  expect(direct.stderr).toMatch(/not over TLS on 203\.0\.113\.10:443 \((?!the proxy)/);
  await site.kill('remote');
  site.environment = { HTTPS_PROXY: PROXY };
  await site.service('remote', 'uplink');
  expect(site.vlandhcp('remote', 'uplink join', paste)).toMatchObject({ stderr: '', status: 0 });
  expect(status()).toContain(WAY);
});
