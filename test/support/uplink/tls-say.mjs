// node tls-say.mjs HOST PORT NAME TEXT [CA CERT KEY]: a TLS client that says TEXT, says that its input is over, and prints
// what it hears. `!CODE` stands for an error. `!SILENT`: nobody answered for three seconds.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, connect } from 'node:tls';

const [host, port, name, text, ca, cert, key] = process.argv.slice(2);
const read = (path) => (path ? readFileSync(path, 'utf8') : undefined);
const socket = connect({
  ...{ host, port: Number(port), ca: read(ca), cert: read(cert), key: read(key) },
  ...(isIP(name) ? {} : { servername: name }),
  checkServerIdentity: (_, peer) => checkServerIdentity(name, peer),
});
const silent = setTimeout(
  () => socket.destroy(Object.assign(new Error(), { code: 'SILENT' })),
  3_000,
);
socket.on('data', (chunk) => process.stdout.write(chunk));
socket.on('error', ({ code }) => process.stdout.write(`!${code}`));
socket.on('close', () => clearTimeout(silent));
socket.end(text);
