import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { openDockerApi } from '../../../plugin/dockerapi/docker-api.ts';

it('ends a stream that the daemon never begins, so that it is tried again', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'silent-api-'));
  const path = join(dir, 'docker.sock');
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    const ended = await new Promise<Error>((resolve) => {
      const handlers = { onOpen: () => undefined, onObject: () => undefined, onEnd: resolve };
      openDockerApi(path, 20)?.follow('/events', handlers);
    });
    expect(ended.message).toMatch(/abort/);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(dir, { recursive: true });
  }
});
