/** The units of both services, against what the services do. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it.each(['hub', 'uplink'])(
  'the service of the %s lets wireguard-go have its socket, although all else is read-only',
  (role) => {
    const path = new URL(`../../../scripts/vlandhcp-${role}.service`, import.meta.url);
    const unit = readFileSync(path, 'utf8');
    // wireguard-go ends at once if it cannot write there.
    const folders = /^RuntimeDirectory=(.*)$/m.exec(unit)?.[1]?.split(' ');
    expect(folders).toEqual(['vlandhcp', 'wireguard']);
    // A stop of the service would take the socket of a wireguard-go that runs on.
    expect(unit).toMatch(/^RuntimeDirectoryPreserve=yes$/m);
    expect(unit).toMatch(/^KillMode=process$/m);
  },
);

it('the uplink sees the socket of Docker only with the file for the management', () => {
  const hidden = /^InaccessiblePaths=(.*)$/m;
  expect(hidden.exec(textOf('vlandhcp-uplink.service'))?.[1]).toBe('-/run/docker.sock');
  // An empty value ends the list.
  expect(hidden.exec(textOf('vlandhcp-uplink-manage.conf'))?.[1]).toBe('');
});

it('the hub may listen on TCP 443, and the member may read the keys of ssh', () => {
  const hub = textOf('vlandhcp-hub.service');
  expect(hub).toMatch(/^CapabilityBoundingSet=.*\bCAP_NET_BIND_SERVICE\b/m);
  expect(textOf('vlandhcp-uplink.service')).toMatch(/^ProtectHome=read-only$/m);
});

function textOf(name: string): string {
  return readFileSync(new URL(`../../../scripts/${name}`, import.meta.url), 'utf8');
}
