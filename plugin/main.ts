/** Placeholder entry until the composition root lands: answers Plugin.Activate on the socket it is given. */
import { createServer } from 'node:http';

createServer((_request, response) => response.end('{"Implements":["NetworkDriver"]}')).listen(
  process.argv[2] ?? '/run/docker/plugins/vlandhcp.sock',
);
process.on('SIGTERM', () => process.exit(0));
