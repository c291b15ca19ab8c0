// The embedded DHCP server of the demo: the `dhcp` package serving one segment. It must be alone on its
// link (in-lab gives it a namespace), because the package answers every broadcast it hears.
// Usage: node demo-server.mjs ADDRESS ROUTER FIRST LAST LEASE_SECONDS
import dhcp from 'dhcp';

const [address, router, first, last, lease] = process.argv.slice(2);
const leaseTime = Number(lease);
const NETMASK = '255.255.255.0';
const LIMITED_BROADCAST = '255.255.255.255';

const server = dhcp.createServer({
  range: [first, last],
  netmask: NETMASK,
  router: [router],
  dns: [router],
  server: address,
  broadcast: LIMITED_BROADCAST,
  leaseTime,
  renewalTime: Math.floor(leaseTime / 2),
  rebindingTime: Math.floor((leaseTime * 7) / 8),
});

// The package throws on a requested option it has no setting for: let the client ask only for what we have.
const PARAMETER_REQUEST_LIST = 55;
const offered = new Set([1, 3, 6, 51, 54, 58, 59]);
const words = { 1: 'DISCOVER', 3: 'REQUEST', 4: 'DECLINE', 7: 'RELEASE' };

server.on('message', (request) => {
  const wanted = request.options[PARAMETER_REQUEST_LIST];
  if (wanted) request.options[PARAMETER_REQUEST_LIST] = wanted.filter((code) => offered.has(code));
  console.log(`${words[request.options[53]] ?? request.options[53]} from ${request.chaddr}`);
});
server.on('bound', (leases) => {
  for (const [mac, { address: leased }] of Object.entries(leases))
    console.log(`${mac} has ${leased}`);
});
server.on('error', (error) => console.log(`ignored: ${error.message ?? error}`));
server.on('listening', () => console.log(`serving ${first} to ${last} from ${address}`));
server.listen();
