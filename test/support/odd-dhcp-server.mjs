// A DHCP server that misbehaves in one named way: what a client must survive (run it on the firewall).
//   refuse        offers an address and NAKs every REQUEST
//   no-server-id  offers without option 54
//   garbage       answers with packets cut short, options that run past the end, and noise
//   deaf          offers and never acknowledges
// Usage: node odd-dhcp-server.mjs HABIT SERVER_ADDRESS BROADCAST_ADDRESS OFFERED_ADDRESS
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';

const [habit, server, broadcast, offered] = process.argv.slice(2);
const octets = (address) => address.split('.').map(Number);
const [DISCOVER, OFFER, REQUEST, NAK] = [1, 2, 3, 6];

const typeOf = (packet) => {
  for (let at = 240; at < packet.length && packet[at] !== 255; at += 2 + packet[at + 1]) {
    if (packet[at] === 53) return packet[at + 2];
  }
  return undefined;
};

const reply = (packet, type, options) => {
  const answer = Buffer.alloc(300);
  packet.copy(answer, 0, 0, 44);
  answer[0] = 2;
  if (type !== NAK) answer.set(octets(offered), 16);
  packet.copy(answer, 28, 28, 44);
  answer.set([99, 130, 83, 99, 53, 1, type, ...options, 255], 236);
  return answer;
};

const lease = [51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0];
const serverId = [54, 4, ...octets(server)];

const answers = (packet) => {
  const type = typeOf(packet);
  const offer = reply(packet, OFFER, [...serverId, ...lease]);
  switch (habit) {
    case 'refuse':
      if (type === DISCOVER) return [offer];
      return [reply(packet, NAK, [...serverId, 56, 9, ...Buffer.from('not today')])];
    case 'no-server-id':
      return [reply(packet, OFFER, lease)];
    case 'deaf':
      return type === REQUEST ? [] : [offer];
    case 'garbage': {
      const runsOver = reply(packet, OFFER, [...serverId, 51, 200]);
      return [offer.subarray(0, 120), offer.subarray(0, 246), runsOver, randomBytes(300)];
    }
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
