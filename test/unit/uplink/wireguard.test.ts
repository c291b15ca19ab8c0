/** What is read of `wg`, and what is written for it. */
import { describe, expect, it } from 'vitest';
import { configText, decodeDump } from '../../../plugin/uplink/kernel/wireguard.ts';
import { generateKey, publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';

const privateKey = generateKey();
const [a, b] = [publicKeyOf(generateKey()), publicKeyOf(generateKey())];

describe('wg show DEVICE dump', () => {
  it('is read line by line: the link, then each peer', () => {
    const text = `${privateKey}\t${publicKeyOf(privateKey)}\t51820\toff
${a}\t(none)\t198.51.100.7:40130\t10.83.41.3/32\t1796000000\t180\t92\t25
${b}\t(none)\t(none)\t(none)\t0\t0\t0\toff
`;
    expect(decodeDump(text)).toEqual({
      privateKey,
      listenPort: 51820,
      peers: [
        {
          ...{ publicKey: a, endpoint: '198.51.100.7:40130', allowedIps: ['10.83.41.3/32'] },
          ...{ handshakeAt: 1796000000000, rxBytes: 180, txBytes: 92, keepaliveSec: 25 },
        },
        {
          ...{ publicKey: b, endpoint: undefined, allowedIps: [], handshakeAt: undefined },
          ...{ rxBytes: 0, txBytes: 0, keepaliveSec: 0 },
        },
      ],
    });
  });

  it('of a link without a key has no key', () => {
    expect(decodeDump('(none)\t(none)\t0\toff\n')).toEqual({
      ...{ privateKey: undefined, listenPort: 0, peers: [] },
    });
  });
});

it('the file for wg syncconf names key, port and peers', () => {
  const peers = [
    {
      publicKey: a,
      allowedIps: ['10.83.41.1/32'],
      endpoint: '[2001:db8::1]:51820',
      keepaliveSec: 25,
    },
    { publicKey: b, allowedIps: ['10.83.41.4/32'] },
  ];
  expect(configText({ privateKey, listenPort: 51820, peers })).toBe(`[Interface]
PrivateKey = ${privateKey}
ListenPort = 51820
[Peer]
PublicKey = ${a}
AllowedIPs = 10.83.41.1/32
Endpoint = [2001:db8::1]:51820
PersistentKeepalive = 25
[Peer]
PublicKey = ${b}
AllowedIPs = 10.83.41.4/32
`);
});
