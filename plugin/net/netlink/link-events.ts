/** What happens to the links of this namespace, as the kernel tells it (rtnetlink(7)): no process, and no polling. */
import { decodeLink, RTM_DELLINK, RTM_NEWLINK, type TableLink } from './link-messages.ts';
import { openNetlinkEvents } from './netlink-events.ts';

export interface LinkEventHandlers {
  onLink(link: TableLink, isGone: boolean): void;
  /** A filter on what enters a link was taken off, by whomever; also of links that go. */
  onFilterGone(index: number): void;
  /** More happened than could be told: look at everything. */
  onLost(): void;
}

const NETLINK_ROUTE = 0;
const RTNLGRP_LINK = 1;
const RTNLGRP_TC = 4;
const RTM_DELQDISC = 37;
const RTM_DELTFILTER = 45;
const AF_UNSPEC = 0;
/** In struct ifinfomsg and in struct tcmsg. */
const INDEX_AT = 4;

/** @throws SystemCallError */
export function watchLinks(handlers: LinkEventHandlers): { close(): void } {
  return openNetlinkEvents({
    protocol: NETLINK_ROUTE,
    groups: [RTNLGRP_LINK, RTNLGRP_TC],
    onOverflow: () => handlers.onLost(),
    onMessage: ({ type, body }) => {
      if (type === RTM_NEWLINK || type === RTM_DELLINK) {
        // Messages of family AF_BRIDGE speak of ports: one that leaves its bridge is not gone.
        const isOfPort = body.getUint8(0) !== AF_UNSPEC;
        if (!isOfPort) handlers.onLink(decodeLink(body), type === RTM_DELLINK);
      } else if (type === RTM_DELQDISC || type === RTM_DELTFILTER) {
        handlers.onFilterGone(body.getInt32(INDEX_AT, true));
      }
    },
  });
}
