/**
 * Asks the kernel for the generation of the rules of nf_tables. Each transaction makes this number
 * larger by one, whoever makes it. Two equal numbers say that nobody has changed a rule between.
 *
 *   NFT_MSG_GETGEN   struct nfgenmsg, no attribute
 *   NFT_MSG_NEWGEN   struct nfgenmsg  1 the generation (4, in network order)
 */
import { SystemCallError } from '../libc.ts';
import { NETLINK_NETFILTER, openNetlinkSocket } from '../netlink/netlink-socket.ts';
import { findAttribute, HEADER_LENGTH, message } from '../netlink/netlink-messages.ts';
import { header, SUBSYSTEM } from './nft-messages.ts';

const NFT_MSG_GETGEN = 16;
const NFTA_GEN_ID = 1;
const ATTRIBUTES_AT = HEADER_LENGTH + 4;

/**
 * Of the network namespace in which this thread is now. Undefined if this kernel does not tell it.
 */
export async function rulesGeneration(): Promise<number | undefined> {
  try {
    const socket = openNetlinkSocket(NETLINK_NETFILTER);
    try {
      const question = message((SUBSYSTEM << 8) | NFT_MSG_GETGEN, 0, header(0));
      const [answer] = await socket.ask([question], 'asking for the generation of nf_tables');
      return answer && findAttribute(answer, ATTRIBUTES_AT, NFTA_GEN_ID)?.getUint32(0);
    } finally {
      socket.close();
    }
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  }
}
