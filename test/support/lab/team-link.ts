/**
 * Makes a team of cards in mode activebackup, as teamd does: `ip` makes the link and its ports, and
 * the mode is set by generic netlink (linux/if_team.h).
 *
 *   struct genlmsghdr  0 command (1)  1 version (1)  2 reserved (2)
 */
import { closeSync, readSync, writeSync } from 'node:fs';
import { openSocket } from '../../../plugin/net/libc.ts';
import {
  attribute,
  findAttribute,
  message,
  number,
  text,
} from '../../../plugin/net/netlink/netlink-messages.ts';
import { findLinkIndex } from '../../../plugin/net/netlink/interface-request.ts';
import { ip } from './netns.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_GENERIC = 16;
const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const NLM_F_ACK = 4;
const NLMSG_ERROR = 2;
const TEAM_CMD_OPTIONS_SET = 1;
const TEAM_ATTR_TEAM_IFINDEX = 1;
const TEAM_ATTR_LIST_OPTION = 2;
const TEAM_ATTR_ITEM_OPTION = 1;
const TEAM_ATTR_OPTION_NAME = 1;
const TEAM_ATTR_OPTION_TYPE = 3;
const TEAM_ATTR_OPTION_DATA = 4;
const NLA_U32 = 3;
const NLA_STRING = 5;
const NLA_F_NESTED = 0x8000;
const BODY_AT = 20;
/** ESRCH: the option is set, and nobody hears the news of it, as teamd would. */
const NOBODY_LISTENS = 3;

function genericHeader(command: number): Uint8Array {
  return Uint8Array.of(command, 1, 0, 0);
}

function ask(fd: number, request: Uint8Array, what: string): DataView {
  writeSync(fd, request);
  const answer = new Uint8Array(8192);
  const length = readSync(fd, answer);
  const view = new DataView(answer.buffer, 0, length);
  const errno = view.getUint16(4, true) === NLMSG_ERROR ? -view.getInt32(16, true) : 0;
  if (errno !== 0 && errno !== NOBODY_LISTENS) throw new Error(`${what}: errno ${errno}`);
  return view;
}

function setOption(fd: number, family: number, team: number, name: string, value: Uint8Array) {
  const type = name === 'mode' ? NLA_STRING : NLA_U32;
  const item = attribute(
    TEAM_ATTR_ITEM_OPTION | NLA_F_NESTED,
    text(TEAM_ATTR_OPTION_NAME, name),
    number(1, TEAM_ATTR_OPTION_TYPE, type),
    attribute(TEAM_ATTR_OPTION_DATA, value),
  );
  const request = message(
    family,
    NLM_F_ACK,
    genericHeader(TEAM_CMD_OPTIONS_SET),
    number(4, TEAM_ATTR_TEAM_IFINDEX, team),
    attribute(TEAM_ATTR_LIST_OPTION | NLA_F_NESTED, item),
  );
  ask(fd, request, `team option ${name}`);
}

function withTeamFamily(work: (fd: number, family: number) => void): void {
  const fd = openSocket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_GENERIC);
  try {
    const request = message(
      GENL_ID_CTRL,
      0,
      genericHeader(CTRL_CMD_GETFAMILY),
      text(CTRL_ATTR_FAMILY_NAME, 'team'),
    );
    const answer = ask(fd, request, 'this kernel has no team links');
    const family = findAttribute(answer, BODY_AT, CTRL_ATTR_FAMILY_ID)?.getUint16(0, true);
    if (family === undefined) throw new Error('the kernel told no number of the family "team"');
    work(fd, family);
  } finally {
    closeSync(fd);
  }
}

function indexOf(link: string): number {
  const index = findLinkIndex(link);
  if (index === undefined) throw new Error(`there is no link ${link}`);
  return index;
}

/** A team whose first card is the active one. It is up. */
export function addTeam(name: string, cards: readonly string[]): void {
  ip(`link add ${name} type team`);
  const mode = new TextEncoder().encode('activebackup\0');
  withTeamFamily((fd, family) => setOption(fd, family, indexOf(name), 'mode', mode));
  for (const card of cards) {
    ip(`link set ${card} down`);
    ip(`link set ${card} master ${name}`);
    ip(`link set ${card} up`);
  }
  ip(`link set ${name} up`);
  setActivePort(name, cards[0]!);
}

/** What teamd does when the active card has lost its carrier. */
export function setActivePort(team: string, card: string): void {
  const index = new Uint8Array(new Uint32Array([indexOf(card)]).buffer);
  withTeamFamily((fd, family) => setOption(fd, family, indexOf(team), 'activeport', index));
}
