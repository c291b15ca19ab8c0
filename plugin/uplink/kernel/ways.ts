/** By which link, router and own address this host reaches a hub, and when that may change. */
import { openNetlinkEvents } from '../../net/netlink/netlink-events.ts';
import { parseEndpoint } from '../protocol/value-schemas.ts';
import { wayTo } from './route-query.ts';
import type { Ways } from '../member/tunnel/way-watch.ts';

const NETLINK_ROUTE = 0;
/** RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE */
const GROUPS = [5, 7, 9, 11];

export const ways: Ways = {
  async to(endpoint) {
    return (await wayTo(parseEndpoint(endpoint)?.host ?? ''))?.words;
  },

  watch(onChange) {
    return openNetlinkEvents({
      ...{ protocol: NETLINK_ROUTE, groups: GROUPS },
      ...{ onMessage: onChange, onOverflow: onChange },
    });
  },
};
