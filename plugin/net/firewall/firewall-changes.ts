/**
 * Reports when rules may have changed in the chains that have ours. For nft and iptables-nft it
 * reports at once, because the kernel sends notifications (nf_tables). For iptables-legacy the
 * kernel sends none, so this file looks every half second.
 *
 *   struct nfgenmsg       0 family (1)  1 version (1)  2 resource (2)  4 attributes
 *   attributes of a table 1 its name
 *              of a chain 1 the table, 3 its name
 *              of a rule  1 the table, 2 the chain
 */
import { describeLegacyFilters } from './legacy-tables.ts';
import { SystemCallError } from '../libc.ts';
import { NETLINK_NETFILTER } from '../netlink/netlink-socket.ts';
import {
  openNetlinkEvents,
  type NetlinkEvents,
  type NetlinkMessage,
} from '../netlink/netlink-events.ts';
import { textIn } from '../netlink/netlink-messages.ts';

export interface FirewallWatch {
  /** False while the kernel's notifications are not available. */
  isTold(): boolean;
  /**
   * Compares now what sends no notifications. If that changed, the callback comes before it
   * returns. Starts no process and does not wait.
   */
  look(): void;
  /** May be called repeatedly. No callback comes afterwards. */
  close(): void;
}

const LOOK_EVERY_MS = 500;
const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const ATTRIBUTES_AT = 4;
const NAME = 1;
const NFT_MSG_DELTABLE = 2;

/** For each message type: the attribute that names the chain. */
const CHAIN_ATTRIBUTE: ReadonlyMap<number, number | undefined> = new Map([
  [0, undefined], // NFT_MSG_NEWTABLE
  [NFT_MSG_DELTABLE, undefined],
  [3, 3], // NFT_MSG_NEWCHAIN
  [5, 3], // NFT_MSG_DELCHAIN
  [6, 2], // NFT_MSG_NEWRULE
  [8, 2], // NFT_MSG_DELRULE
]);

export interface WatchedChains {
  readonly table: string;
  readonly chains: readonly string[];
}

/** @param watched the chains to report about. For iptables-legacy: all of its table `filter`. */
export function watchFirewall(
  watched: readonly WatchedChains[],
  onChange: () => void,
): FirewallWatch {
  let isOpen = true;
  let events: NetlinkEvents | undefined;
  let hasNone = false;
  const listen = (): void => {
    if (events !== undefined || hasNone) return;
    try {
      events = openNetlinkEvents({
        protocol: NETLINK_NETFILTER,
        groups: [NFNLGRP_NFTABLES],
        onMessage: (message) => {
          if (watched.some((chains) => concerns(message, chains))) onChange();
        },
        onOverflow: onChange,
      });
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      // A kernel without nf_tables has no such rules. Other errors may pass.
      hasNone = error.code === 'EPROTONOSUPPORT';
    }
  };

  let seen: string | undefined;
  const look = (): void => {
    if (!isOpen) return;
    listen();
    const now = describeFilters();
    const isNew = seen !== undefined && now !== seen;
    seen = now;
    if (isNew) onChange();
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS).unref();

  return {
    isTold: () => events !== undefined || hasNone,
    look,
    close() {
      isOpen = false;
      clearInterval(timer);
      events?.close();
      events = undefined;
    },
  };
}

/**
 * Calls back when a table of nf_tables is removed, also if we do it, and also by a flush of all
 * rules. The callback comes too if notifications were lost.
 * @throws SystemCallError, with code EPROTONOSUPPORT if the kernel has no nf_tables.
 */
export function watchTableGone(table: string, onGone: () => void): NetlinkEvents {
  return openNetlinkEvents({
    protocol: NETLINK_NETFILTER,
    groups: [NFNLGRP_NFTABLES],
    onMessage: ({ type, body }) => {
      const isGone = type === ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_DELTABLE);
      if (isGone && textIn(body, ATTRIBUTES_AT, NAME) === table) onGone();
    },
    onOverflow: onGone,
  });
}

/** If the tables cannot be read, the error text stands for their content. */
function describeFilters(): string {
  try {
    return describeLegacyFilters();
  } catch (error) {
    if (error instanceof SystemCallError) return error.message;
    throw error;
  }
}

/** Other tables and chains change often, for example with every container that publishes a port. */
function concerns({ type, body }: NetlinkMessage, { table, chains }: WatchedChains): boolean {
  const kind = type & 0xff;
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES || !CHAIN_ATTRIBUTE.has(kind)) return false;
  if (textIn(body, ATTRIBUTES_AT, NAME) !== table) return false;
  const chainAttribute = CHAIN_ATTRIBUTE.get(kind);
  if (chainAttribute === undefined) return true;
  const chain = textIn(body, ATTRIBUTES_AT, chainAttribute);
  return chain === undefined || chains.includes(chain);
}
