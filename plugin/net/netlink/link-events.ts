/**
 * Reports changes of links in this namespace. The kernel tells of them by rtnetlink(7). No process
 * is started, and nothing is polled.
 */
import { decodeLink, RTM_DELLINK, RTM_NEWLINK, type TableLink } from './link-messages.ts';
import { openNetlinkEvents } from './netlink-events.ts';

export interface LinkEventHandlers {
  onLink(link: TableLink, isGone: boolean): void;
  /** A port of a bridge, or a bridge as its own port, changed: for example its VLANs. */
  onPort?(index: number): void;
  /** Somebody removed a filter on what enters a link. Also called for a link that is removed. */
  onFilterGone(index: number): void;
  /** Messages were lost. The caller must look at everything again. */
  onLost(): void;
}

const NETLINK_ROUTE = 0;
const RTNLGRP_LINK = 1;
const RTNLGRP_TC = 4;
const RTM_DELQDISC = 37;
const RTM_DELTFILTER = 45;
const AF_UNSPEC = 0;
/** The offset in struct ifinfomsg and in struct tcmsg. */
const INDEX_AT = 4;

/** @throws SystemCallError */
export function watchLinks(handlers: LinkEventHandlers): { close(): void } {
  return openNetlinkEvents({
    protocol: NETLINK_ROUTE,
    groups: [RTNLGRP_LINK, RTNLGRP_TC],
    onOverflow: () => handlers.onLost(),
    onMessage: ({ type, body }) => {
      if (type === RTM_NEWLINK || type === RTM_DELLINK) {
        // Messages of family AF_BRIDGE are about ports. RTM_DELLINK then means that the link left
        // its bridge.
        const isOfPort = body.getUint8(0) !== AF_UNSPEC;
        if (isOfPort) handlers.onPort?.(body.getInt32(INDEX_AT, true));
        else handlers.onLink(decodeLink(body), type === RTM_DELLINK);
      } else if (type === RTM_DELQDISC || type === RTM_DELTFILTER) {
        handlers.onFilterGone(body.getInt32(INDEX_AT, true));
      }
    },
  });
}
