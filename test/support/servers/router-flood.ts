/** The firewall of the lab as a router that advertises far more often than is allowed. */
import { encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { openPacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import {
  linkLocalOf,
  multicastMacOf,
  ALL_NODES,
  parseSubnet6,
} from '../../../plugin/wire/address6.ts';
import { mac } from '../frames/messages.ts';
import { output } from '../lab/lab.ts';

const NOTHING = [{ code: 0x06, jt: 0, jf: 0, k: 0 }];

export interface Flood {
  /** How many were sent so far. */
  sent(): number;
  stop(): void;
}

/** @param link of the firewall. It gets one advertisement each `everyMs`. */
export async function floodAdvertisements(
  link: string,
  prefix: string,
  everyMs: number,
): Promise<Flood> {
  const shown = await output('ip', ['-n', 'fw', '-j', 'link', 'show', 'dev', link]);
  const [found] = JSON.parse(shown) as readonly { address: string }[];
  const own = mac(found?.address ?? '');
  const frame = encodeNdpFrame({
    ...{ sourceMac: own, destinationMac: multicastMacOf(ALL_NODES) },
    ...{ source: linkLocalOf(own), destination: ALL_NODES },
    message: {
      ...{ type: 'router-advertisement', hopLimit: 64, isManaged: false, hasOtherConfig: false },
      ...{ preference: 'medium', otherFlags: 0, routerLifetime: 1_800 },
      ...{ reachableTime: 0, retransTimer: 0 },
      options: [
        { type: 'source-link-layer', mac: own },
        {
          ...{ type: 'prefix', subnet: parseSubnet6(prefix)!, isOnLink: true, isAutonomous: true },
          ...{ otherFlags: 0, validLifetime: 86_400, preferredLifetime: 14_400 },
        },
      ],
    },
  });
  const socket = openPacketSocket({
    ...{ link, netnsPath: '/run/netns/fw', filter: NOTHING, promiscuous: false, protocol: 'ipv6' },
    onFrame: () => undefined,
    onError: () => undefined,
  });
  let sent = 0;
  const timer = setInterval(() => {
    socket.send(frame);
    sent += 1;
  }, everyMs);
  return {
    sent: () => sent,
    stop: () => {
      clearInterval(timer);
      socket.close();
    },
  };
}
