/**
 * A hub whose TCP 443 belongs to a web server: nginx ends TLS, and passes one path to the hub. The
 * lines of `docs/uplink-ways.md`, with all other settings as nginx has them by itself.
 */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { until } from '../../support/lab/netns.ts';
import { startNginx } from '../../support/uplink/uplink-proxies.ts';
import { UplinkSite } from '../../support/uplink/uplink-site.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../../docs/uplink-ways.md'), 'utf8');
const [, LOCATION = ''] = /```nginx\n([^]*?)```/.exec(PAGE) ?? [];
let site: UplinkSite;
let nginx: Awaited<ReturnType<typeof startNginx>>;

beforeAll(async () => {
  site = new UplinkSite([]);
  const tls = '--tls 8443 --tls-url wss://203.0.113.10/vlandhcp';
  const init = `--site hq --trunk eth1 --endpoint 203.0.113.10 --subnet 10.83.41.0 ${tls}`;
  expect(site.vlandhcp('hub', `hub init ${init}`)).toMatchObject({ stderr: '', status: 0 });
  nginx = await startNginx(site, 'hub', LOCATION);
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
  site.exec('nat', 'nft insert rule ip filter forward meta l4proto udp counter drop');
});
afterAll(() => site.dispose());
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-8_000)}\n`);
});

async function stop(): Promise<void> {
  const gone = once(nginx, 'exit');
  nginx.kill('SIGKILL');
  await gone;
}

interface Status {
  readonly state: string;
  readonly way: string;
  readonly since: number;
}

function status(): Status | undefined {
  const { stdout } = site.vlandhcp('remote', 'uplink status --json');
  return (JSON.parse(stdout) as Status[])[0];
}

/** The TCP port of the member's stream, as nginx sees it. */
const streamPort = () =>
  /:(\d+)\s*$/.exec(site.exec('hub', 'ss -Htn state established sport = :443'))?.[1];

test('a host whose UDP is dropped joins through nginx, and the hub sees its address', () => {
  const token = site.vlandhcp('hub', 'hub invite laptop --vlans 500').stdout.split('\n').at(-2);
  const joined = site.vlandhcp('remote', 'uplink join', `${token}\n`);
  expect([joined.stderr, joined.status]).toEqual(['', 0]);
  expect(joined.stdout).toMatch(/^joined "hq" as 10\.83\.41\.3 over TLS in /);
  expect(site.vlandhcp('remote', 'uplink status').stdout).toContain(
    ' tls 203.0.113.10:443/vlandhcp ',
  );
  expect(site.vlandhcp('hub', 'hub list').stdout).toContain('   tls 198.51.100.7   ');
});

test('other paths of that web server are still its own', () => {
  const fetched = site.tried(
    'remote',
    'curl -sk -o /dev/null -w %{http_code} https://203.0.113.10/',
  );
  expect(fetched.stdout).toBe('204');
});

test('words every 2 s keep the connection, also if nginx waits for 3 s only', async () => {
  await stop();
  const timeouts = 'proxy_read_timeout 3s; proxy_send_timeout 3s; }';
  nginx = await startNginx(site, 'hub', LOCATION.replace('}', timeouts));
  await until('the stream is back', () => streamPort() !== undefined && status()?.state === 'up');
  const port = streamPort();
  const from = Date.now();
  await until('nginx would have ended an idle connection', () => Date.now() - from > 7_000);
  expect([streamPort(), status()]).toEqual([port, expect.objectContaining({ way: 'tls' })]);
});

test('an nginx that was killed and started is reached again', async () => {
  await stop();
  await until('the stream is gone', () => streamPort() === undefined);
  const { since = 0 } = status() ?? {};
  nginx = await startNginx(site, 'hub', LOCATION);
  await until('the stream is back', () => streamPort() !== undefined);
  await until('the member is up', () => status()?.state === 'up' && status()?.way === 'tls');
  expect(status()?.since).toBeGreaterThanOrEqual(since);
});

test('a web server that does not pass WebSockets is named', async () => {
  expect(site.vlandhcp('remote', 'uplink leave').status).toBe(0);
  await stop();
  nginx = await startNginx(site, 'hub', 'location /vlandhcp { return 403; }');
  const token = site.vlandhcp('hub', 'hub invite laptop --vlans 500').stdout.split('\n').at(-2);
  const { status: code, stderr } = site.vlandhcp('remote', 'uplink join', `${token}\n`);
  const why = 'a web server answers there with status 403, and passes no WebSocket to the hub';
  const text = expect.stringContaining(
    `not over TLS on 203.0.113.10:443/vlandhcp (${why})`,
  ) as string;
  expect([code, stderr]).toEqual([1, text]);
});
