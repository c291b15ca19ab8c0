/** nginx and tinyproxy, as Debian has them, on hosts of an uplink's site. */
import { mkdirSync, writeFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { makeCertificate } from '../../../plugin/hub/streams/certificate.ts';
import { until } from '../lab/netns.ts';
import type { UplinkSite } from './uplink-site.ts';

function folderOf(site: UplinkSite, name: string): (file: string) => string {
  mkdirSync(join(site.folder, name), { recursive: true });
  return (file) => join(site.folder, name, file);
}

/**
 * nginx that owns TCP 443 of that host, with a certificate of its own.
 * @param location the lines of `docs/uplink-ways.md`.
 */
export async function startNginx(
  site: UplinkSite,
  name: string,
  location: string,
): Promise<ChildProcess> {
  const at = folderOf(site, 'nginx');
  const { key, cert } = await makeCertificate('www.example.net', Date.now());
  writeFileSync(at('key.pem'), key);
  writeFileSync(at('cert.pem'), cert);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (what) => `  ${what}_temp_path ${at(what)};`,
  );
  const lines = [
    ...['daemon off;', 'master_process off;', `pid ${at('pid')};`, 'error_log stderr notice;'],
    ...['user root;', 'events {}', 'http {', '  access_log off;', ...temporary, '  server {'],
    ...['    listen 443 ssl;', `    ssl_certificate ${at('cert.pem')};`],
    ...[`    ssl_certificate_key ${at('key.pem')};`, location, '    location / { return 204; }'],
    ...['  }', '}'],
  ];
  writeFileSync(at('conf'), `${lines.join('\n')}\n`);
  const child = site.start(name, 'nginx', '-p', site.folder, '-e', 'stderr', '-c', at('conf'));
  await listens(site, name, 443, child);
  return child;
}

/** @param more lines of its settings. */
export async function startTinyproxy(
  site: UplinkSite,
  name: string,
  more: readonly string[] = [],
): Promise<ChildProcess> {
  const at = folderOf(site, 'tinyproxy');
  const lines = ['Port 3128', 'Timeout 600', 'MaxClients 20', 'LogLevel Connect', ...more];
  writeFileSync(at('conf'), `${lines.join('\n')}\n`);
  const child = site.start(name, 'tinyproxy', '-d', '-c', at('conf'));
  await listens(site, name, 3128, child);
  return child;
}

async function listens(
  site: UplinkSite,
  name: string,
  port: number,
  child: ChildProcess,
): Promise<void> {
  await until(`TCP port ${port} of ${name} is open`, () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${site.log.slice(-2_000)}`);
    return site.exec(name, `ss -Htln sport = :${port}`) !== '';
  });
}
