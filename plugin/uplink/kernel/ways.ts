/** By which link, router and own address this host reaches a hub, and when that may change. */
import { ipJson } from '../../net/ip.ts';
import { openNetlinkEvents } from '../../net/netlink/netlink-events.ts';
import { commandEvidence } from '../../net/command.ts';
import { parseEndpoint } from '../protocol/value-schemas.ts';
import type { Ways } from '../member/tunnel/way-watch.ts';

const NETLINK_ROUTE = 0;
/** RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE */
const GROUPS = [5, 7, 9, 11];

export const ways: Ways = {
  async to(endpoint) {
    const host = parseEndpoint(endpoint)?.host ?? '';
    try {
      const [route] = await ipJson(['route', 'get', host]);
      const { dev, gateway, via, prefsrc } = route as Record<string, unknown>;
      return JSON.stringify([dev, gateway ?? via, prefsrc]);
    } catch (error) {
      // There is no route, or the network of that family is not there.
      if (commandEvidence(error)?.exitCode === 2) return undefined;
      throw error;
    }
  },

  watch(onChange) {
    return openNetlinkEvents({
      ...{ protocol: NETLINK_ROUTE, groups: GROUPS },
      ...{ onMessage: onChange, onOverflow: onChange },
    });
  },
};
