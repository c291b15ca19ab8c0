import { describe, expect, it } from 'vitest';
import { configText, isAsWanted, parseDump } from '../../../plugin/uplink/kernel/wireguard-text.ts';
import { generateKey, publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';

const own = generateKey();
const hub = publicKeyOf(generateKey());
const wanted = {
  ...{ privateKey: own, listenPort: 51820 },
  peers: [
    {
      ...{ publicKey: hub, allowedIps: ['10.83.41.1/32'] },
      ...{ endpoint: '203.0.113.10:51820', keepalive: 25 },
    },
  ],
};
/** As `wg show DEV dump` of wireguard-tools 1.0.20210914 prints it. */
const dump = (endpoint: string, allowed = '10.83.41.1/32', keepalive = '25') =>
  [
    [own, publicKeyOf(own), '51820', 'off'].join('\t'),
    [hub, '(none)', endpoint, allowed, '1764424800', '148', '92', keepalive].join('\t'),
    '',
  ].join('\n');

describe('what wg prints', () => {
  it('is read with its keys, its peers, and what is not set', () => {
    const [peer] = parseDump(dump('203.0.113.10:51820')).peers;
    expect(peer).toMatchObject({ ...wanted.peers[0], handshakeAt: 1764424800000, rxBytes: 148 });
    const fresh = parseDump(
      `(none)\t(none)\t0\toff\n${hub}\t(none)\t(none)\t(none)\t0\t0\t0\toff\n`,
    );
    expect(fresh.privateKey).toBeUndefined();
    expect(fresh.peers).toEqual([
      {
        ...{ publicKey: hub, endpoint: undefined, allowedIps: [], handshakeAt: undefined },
        ...{ rxBytes: 0, txBytes: 0, keepalive: undefined },
      },
    ]);
  });

  it('is compared field by field: an equal link is left alone', () => {
    expect(isAsWanted(parseDump(dump('203.0.113.10:51820')), wanted)).toBe(true);
    for (const other of [
      dump('203.0.113.11:51820'),
      dump('203.0.113.10:51820', '10.83.41.0/24'),
      dump('203.0.113.10:51820', '10.83.41.1/32', 'off'),
      dump('203.0.113.10:51820').split('\n')[0]!,
    ]) {
      expect(isAsWanted(parseDump(other), wanted)).toBe(false);
    }
    expect(isAsWanted(parseDump(dump('203.0.113.10:51820')), { ...wanted, listenPort: 1 })).toBe(
      false,
    );
  });
});

it('the configuration file has a section for each peer, and says only what is given', () => {
  expect(configText(wanted)).toBe(
    `[Interface]\nPrivateKey = ${own}\nListenPort = 51820\n\n[Peer]\nPublicKey = ${hub}\nAllowedIPs = 10.83.41.1/32\nEndpoint = 203.0.113.10:51820\nPersistentKeepalive = 25\n`,
  );
  const bare = [{ publicKey: hub, allowedIps: ['10.83.41.2/32'] }];
  expect(configText({ ...wanted, peers: bare })).not.toMatch(/Endpoint|Keepalive/);
});
