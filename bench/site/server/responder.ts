/**
 * `responder LEASE-SECONDS T1-SECONDS|- LINK=PREFIX...`: the fast DHCP server on links of its
 * namespace. Prints `ready`, then a line `renewals MS...` (wall time) whenever some came.
 */
import type { BpfInstruction } from '../../../plugin/net/bpf-assembler.ts';
import { BPF } from '../../../plugin/net/sockets/filter.ts';
import { openPacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import { askKernel, linkMac } from '../../../plugin/net/netlink/interface-request.ts';
import { createAnswering } from './answering.ts';

const REPORT_EVERY_MS = 100;

/** IPv4, UDP, to port 67. The client under test sends no IP options. */
const TO_SERVER: readonly BpfInstruction[] = [
  { code: BPF.LD_HALF_ABS, jt: 0, jf: 0, k: 12 },
  { code: BPF.JUMP_EQUAL, jt: 0, jf: 5, k: 0x0800 },
  { code: BPF.LD_BYTE_ABS, jt: 0, jf: 0, k: 23 },
  { code: BPF.JUMP_EQUAL, jt: 0, jf: 3, k: 17 },
  { code: BPF.LD_HALF_ABS, jt: 0, jf: 0, k: 36 },
  { code: BPF.JUMP_EQUAL, jt: 0, jf: 1, k: 67 },
  { code: BPF.RETURN, jt: 0, jf: 0, k: 0x40000 },
  { code: BPF.RETURN, jt: 0, jf: 0, k: 0 },
];

export function responder([lease, t1, ...links]: readonly string[]): void {
  const leaseSec = Number(lease);
  const t1Sec = t1 === '-' ? undefined : Number(t1);
  let renewals: number[] = [];
  for (const word of links) {
    const [link = '', prefix = ''] = word.split('=');
    const mac = askKernel((fd) => linkMac(fd, link));
    if (mac === undefined) throw new Error(`no link ${link}`);
    const answerTo = createAnswering({ mac, prefix, leaseSec, t1Sec });
    const socket = openPacketSocket({
      link,
      netnsPath: undefined,
      filter: TO_SERVER,
      promiscuous: false,
      protocol: 'ipv4',
      onFrame: (frame) => {
        const answer = answerTo(frame);
        if (answer === undefined) return;
        socket.send(answer.frame);
        if (answer.isRenewal) renewals.push(Date.now());
      },
      onError: (error) => {
        throw error;
      },
    });
  }
  setInterval(() => {
    if (renewals.length > 0) process.stdout.write(`renewals ${renewals.join(' ')}\n`);
    renewals = [];
  }, REPORT_EVERY_MS);
  process.stdout.write('ready\n');
}
