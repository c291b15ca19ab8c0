/**
 * Sets one program on what enters a link, and perhaps another on what leaves it, by rtnetlink: a
 * queueing discipline `ingress` or `clsact` with a filter of kind `bpf` for each direction
 * (tc-bpf(8)). All are removed with the link. None moves with the link to another namespace.
 *
 *   struct tcmsg   0 family  4 link index  8 handle  12 parent  16 priority and protocol
 */
import type { BpfInstruction } from '../bpf-assembler.ts';
import { SystemCallError } from '../libc.ts';
import { attribute, message, number, text } from '../netlink/netlink-messages.ts';
import { askNetlink } from '../netlink/netlink-socket.ts';

export interface IngressFilter {
  /** Index of the link. */
  readonly link: number;
  readonly program: readonly BpfInstruction[];
  /** For what leaves the link. If undefined: everything may. */
  readonly egress?: readonly BpfInstruction[] | undefined;
}

const RTM_NEWQDISC = 36;
const RTM_DELQDISC = 37;
const RTM_NEWTFILTER = 44;
const NLM_F_ACK = 4;
const NLM_F_CREATE = 0x400;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF_OPS_LEN = 4;
const TCA_BPF_OPS = 5;
const TCA_BPF_FLAGS = 8;
/** The program's result is the verdict. */
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const TC_H_INGRESS = 0xfffffff1;
const INGRESS_HANDLE = 0xffff0000;
/** The two directions of `clsact` (TC_H_MIN_INGRESS, TC_H_MIN_EGRESS). */
const CLSACT_INGRESS = 0xfffffff2;
const CLSACT_EGRESS = 0xfffffff3;
/** Priority 1 for all protocols (ETH_P_ALL in network order). */
const FIRST_FOR_ALL = (1 << 16) | 0x0300;
const FILTER_HANDLE = 1;
const TCMSG_LENGTH = 20;
const INSTRUCTION_LENGTH = 8;

/**
 * Puts each program in force. An existing program is replaced at once: no frame passes in between.
 * @throws SystemCallError for the first that failed: ENOENT, EOPNOTSUPP or EINVAL where the kernel
 * has no such filter, ENODEV if there is no such link. The others are tried all the same.
 */
export async function setIngressFilters(filters: readonly IngressFilter[]): Promise<void> {
  const requests = filters.flatMap(({ link, program, egress }) =>
    egress === undefined
      ? [qdisc(link, 'ingress'), filter(link, INGRESS_HANDLE, program)]
      : [
          qdisc(link, 'clsact'),
          filter(link, CLSACT_INGRESS, program),
          filter(link, CLSACT_EGRESS, egress),
        ],
  );
  const what = 'setting a filter on what enters a link';
  const answers = await askNetlink(requests, what);
  if (answers.includes(undefined)) throw new SystemCallError(what, ENODEV);
}

/**
 * Removes the filter, so that the link takes everything again. A missing filter is no error.
 * @throws SystemCallError
 */
export async function removeIngressFilter(link: number): Promise<void> {
  const request = message(
    RTM_DELQDISC,
    NLM_F_ACK,
    tcHeader(link, INGRESS_HANDLE, TC_H_INGRESS, 0),
    text(TCA_KIND, 'ingress'),
  );
  try {
    await askNetlink([request], 'removing the filter of a link');
  } catch (error) {
    if (!(error instanceof SystemCallError && ['ENOENT', 'EINVAL'].includes(error.code))) {
      throw error;
    }
  }
}

const ENODEV = 19;

function qdisc(link: number, kind: 'ingress' | 'clsact'): Uint8Array {
  const header = tcHeader(link, INGRESS_HANDLE, TC_H_INGRESS, 0);
  return message(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE, header, text(TCA_KIND, kind));
}

function filter(link: number, parent: number, program: readonly BpfInstruction[]): Uint8Array {
  return message(
    RTM_NEWTFILTER,
    NLM_F_ACK | NLM_F_CREATE,
    tcHeader(link, FILTER_HANDLE, parent, FIRST_FOR_ALL),
    text(TCA_KIND, 'bpf'),
    attribute(
      TCA_OPTIONS,
      number(2, TCA_BPF_OPS_LEN, program.length),
      attribute(TCA_BPF_OPS, bytesOf(program)),
      number(4, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT),
    ),
  );
}

function tcHeader(link: number, handle: number, parent: number, info: number): Uint8Array {
  const header = new Uint8Array(TCMSG_LENGTH);
  const view = new DataView(header.buffer);
  view.setInt32(4, link, true);
  view.setUint32(8, handle, true);
  view.setUint32(12, parent, true);
  view.setUint32(16, info, true);
  return header;
}

/** struct sock_filter: code (2), jt (1), jf (1), k (4). */
function bytesOf(program: readonly BpfInstruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_LENGTH);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, index) => {
    const at = index * INSTRUCTION_LENGTH;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  });
  return bytes;
}
