/** Builders of neighbour discovery with valid defaults. A test sets only what it is about. */
import type { NdpFrame } from '../../../plugin/ndp/frame.ts';
import type { NdpMessage, RouterAdvertisement } from '../../../plugin/ndp/message.ts';
import type { PrefixOption } from '../../../plugin/ndp/options.ts';
import { multicastMacOf, parseSubnet6 } from '../../../plugin/wire/address6.ts';
import { ip6, mac } from '../../support/frames/messages.ts';

export const ROUTER_MAC = mac('02:00:00:00:00:01');
export const OTHER_MAC = mac('02:00:00:00:00:e0');

export function prefix(text: string, parts: Partial<PrefixOption> = {}): PrefixOption {
  return {
    type: 'prefix',
    subnet: parseSubnet6(text)!,
    isOnLink: true,
    isAutonomous: true,
    otherFlags: 0,
    validLifetime: 3600,
    preferredLifetime: 1800,
    ...parts,
  };
}

export function advertisement(
  parts: Partial<RouterAdvertisement> = {},
  router = 'fe80::1',
): NdpFrame<RouterAdvertisement> {
  return frame(router, 'ff02::1', {
    type: 'router-advertisement',
    hopLimit: 64,
    isManaged: false,
    hasOtherConfig: false,
    preference: 'medium',
    otherFlags: 0,
    routerLifetime: 1800,
    reachableTime: 0,
    retransTimer: 0,
    options: [],
    ...parts,
  });
}

/** A frame of another host or router. */
export function frame<Message extends NdpMessage>(
  source: string,
  destination: string,
  message: Message,
): NdpFrame<Message> {
  const to = ip6(destination);
  return {
    sourceMac: source === 'fe80::1' ? ROUTER_MAC : OTHER_MAC,
    destinationMac: multicastMacOf(to),
    source: ip6(source),
    destination: to,
    message,
  };
}
