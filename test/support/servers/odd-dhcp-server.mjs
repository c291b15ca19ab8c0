// A DHCP server that misbehaves in one named way: what a client must survive (run it on the firewall).
//   refuse        offers an address and NAKs every REQUEST
//   no-server-id  leaves option 54 out of all it says
//   garbage       answers with packets cut short, before and within the message type, and noise
//   deaf          offers and never acknowledges
//   late-time     says how long the lease lasts in the ACK only
//   runs-over     option 52 of 0, and an option that runs past the end, after good ones
//   useless       a mask, DNS server and routes that no host can use, among good ones
//   edge          the last address of its subnet
//   brief         leases of 5 s
//   silent        says nothing
//   renumbered    refuses to extend leases, all of which another server made
// Usage: node odd-dhcp-server.mjs HABIT SERVER_ADDRESS BROADCAST_ADDRESS OFFERED_ADDRESS
// A line "HABIT SERVER_ADDRESS OFFERED_ADDRESS" on its standard input changes these; it prints "now HABIT" then.
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';

let [habit, server, broadcast, offered] = process.argv.slice(2);
const octets = (address) => address.split('.').map(Number);
const [DISCOVER, OFFER, REQUEST, ACK, NAK] = [1, 2, 3, 5, 6];

const typeOf = (packet) => {
  for (let at = 240; at < packet.length && packet[at] !== 255; at += 2 + packet[at + 1]) {
    if (packet[at] === 53) return packet[at + 2];
  }
  return undefined;
};

const leaseOf = (seconds) => [51, 4, 0, 0, seconds >> 8, seconds & 255, 1, 4, 255, 255, 255, 0];

const reply = (packet, type, options) => {
  const answer = Buffer.alloc(300);
  packet.copy(answer, 0, 0, 44);
  answer[0] = 2;
  if (type !== NAK) answer.set(octets(offered), 16);
  packet.copy(answer, 28, 28, 44);
  answer.set([99, 130, 83, 99, 53, 1, type, ...options, 255], 236);
  return answer;
};

const lease = leaseOf(3600);
const answers = (packet) => {
  const type = typeOf(packet);
  const inTurn = type === DISCOVER ? OFFER : ACK;
  const serverId = [54, 4, ...octets(server)];
  const isUse = packet.readUInt32BE(12) !== 0;
  const offer = reply(packet, OFFER, [...serverId, ...lease]);
  switch (habit) {
    case 'refuse':
      if (type === DISCOVER) return [offer];
      return [reply(packet, NAK, [...serverId, 56, 9, ...Buffer.from('not today')])];
    case 'no-server-id':
      return [reply(packet, inTurn, lease)];
    case 'late-time':
      return [reply(packet, inTurn, [...serverId, ...(inTurn === ACK ? lease : lease.slice(6))])];
    case 'runs-over':
      return [reply(packet, inTurn, [...serverId, ...lease, 52, 1, 0, 15, 200])];
    case 'useless': {
      const by = octets(server);
      const routes = [8, 127, ...by, 8, 10, ...by, 16, 172, 16, 0, 0, 0, 9];
      const odd = [1, 4, 254, 0, 0, 0, 6, 4, 0, 0, 0, 0, 121, routes.length, ...routes];
      return [reply(packet, inTurn, [...serverId, ...lease.slice(0, 6), ...odd])];
    }
    case 'edge':
      return [reply(packet, inTurn, [...serverId, ...lease])];
    case 'brief':
      return type === DISCOVER || type === REQUEST
        ? [reply(packet, inTurn, [...serverId, ...leaseOf(5)])]
        : [];
    case 'silent':
      return [];
    case 'renumbered':
      return isUse ? [reply(packet, NAK, serverId)] : [];
    case 'deaf':
      return type === REQUEST ? [] : [offer];
    case 'garbage':
      return [offer.subarray(0, 120), offer.subarray(0, 242), randomBytes(300)];
    default:
      throw new Error(`no habit called ${habit}`);
  }
};

const socket = createSocket('udp4');
socket.on('message', (packet) => {
  for (const answer of answers(packet)) socket.send(answer, 68, broadcast);
});
socket.bind(67, () => {
  socket.setBroadcast(true);
  process.stdout.write('ready\n');
});
createInterface({ input: process.stdin }).on('line', (line) => {
  [habit, server, offered] = line.split(' ');
  process.stdout.write(`now ${habit}\n`);
});
