/**
 * What `vlandhcp hub context` makes of a client: a context of Docker on this host, or a bundle for
 * a workstation. A bundle is what `docker context import` takes, or a folder for DOCKER_CERT_PATH.
 */
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandEvidence } from '../../net/command.ts';
import { writeFile } from '../../runtime/durable-file.ts';
import type { DockerClient } from './manage-operator.ts';
import { tarOf } from './tar.ts';

/** Runs `docker` of whoever types the command, who is to have the context. */
export type RunDocker = (args: readonly string[]) => Promise<unknown>;

/** Names as Docker has them. */
function filesOf({ authority, certificate, privateKey }: DockerClient) {
  return { 'ca.pem': authority, 'cert.pem': certificate, 'key.pem': privateKey };
}

function describe({ name, site }: DockerClient): string {
  return `${name}, a member of the uplink of ${site}`;
}

/**
 * Makes or replaces the context of that name.
 * @returns false if there is no `docker` on this host.
 */
export async function makeContext(client: DockerClient, docker: RunDocker): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'vlandhcp-context-'));
  try {
    await writeFolder(folder, client);
    const { name, host } = client;
    const from = (file: string) => join(folder, file);
    const endpoint = `host=${host},ca=${from('ca.pem')},cert=${from('cert.pem')},key=${from('key.pem')}`;
    const what = ['--description', describe(client), '--docker', endpoint, name];
    const isThere = await docker(['context', 'inspect', name]).then(
      () => true,
      (error: unknown) => {
        if (commandEvidence(error)?.missing === true) throw error;
        return false;
      },
    );
    await docker(['context', isThere ? 'update' : 'create', ...what]);
    return true;
  } catch (error) {
    if (commandEvidence(error)?.missing === true) return false;
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `ca.pem`, `cert.pem` and `key.pem`, which only their owner can read. @throws PluginError. */
export async function writeFolder(folder: string, client: DockerClient): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(filesOf(client))) {
    await writeFile(join(folder, name), text);
  }
}

/** A file for `docker context import`. @throws PluginError. */
export async function writeImport(path: string, client: DockerClient): Promise<void> {
  const meta = {
    Name: client.name,
    Metadata: { Description: describe(client) },
    Endpoints: { docker: { Host: client.host, SkipTLSVerify: false } },
  };
  const files = Object.entries(filesOf(client)).map(
    ([name, text]) => [`tls/docker/${name}`, text] as const,
  );
  await writeFile(path, tarOf([['meta.json', JSON.stringify(meta)], ...files]));
}

export async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return path.endsWith('/') || found?.isDirectory() === true;
}
