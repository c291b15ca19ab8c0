/** `vlandhcp hub context`: a client for Docker of a member. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { clockTime, parseDuration, type Terminal } from '../../uplink/cli/words.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import {
  isFolder,
  makeContext,
  writeFolder,
  writeImport,
  type RunDocker,
} from './context-files.ts';
import type { DockerClient } from './manage-operator.ts';

interface Typed {
  readonly export?: string;
  readonly expires: string;
  readonly port?: string;
  readonly end?: true;
}

export interface ContextCommands {
  readonly terminal: Terminal;
  /** Asks the service of this host. @throws PluginError. */
  readonly ask: (call: string, body: object) => Promise<unknown>;
  /** For files of a hub that has no `docker`. */
  readonly stateDir: string;
  readonly docker: RunDocker;
}

export function addContextCommand(hub: Command, around: ContextCommands): void {
  hub
    .command('context')
    .description('Make a Docker context for a member that is managed; who has it is root there')
    .argument('<NAME>', 'the name that the invitation gave it')
    .option(
      '--export <PATH>',
      'for a workstation, by a port of the hub: a file for docker context import, or a folder',
    )
    .option('--port <PORT>', 'the TCP port of the hub for --export; by default 23760 + number')
    .option('--expires <TIME>', 'how long the certificate is valid, 1h to 397d', '90d')
    .option('--end', 'end all certificates that were made for this member, and close its port')
    .action(async (name: string, typed: Typed) => {
      if (typed.end === true) {
        await around.ask('end-clients', { name });
        return around.terminal.print(`no client that was made before may manage ${name} any more`);
      }
      await makeOne(name, typed, around);
    });
}

async function makeOne(
  name: string,
  { export: path, expires, port }: Typed,
  { terminal, ask, stateDir, docker }: ContextCommands,
): Promise<void> {
  const isExported = path !== undefined;
  if (port !== undefined && !isExported) {
    throw new PluginError('INVALID_OPTION', '--port is for --export; name a file, too');
  }
  const body = { name, expiresMs: parseDuration(expires), isExported, port: port && Number(port) };
  const client = (await ask('client', body)) as DockerClient;
  const until = `valid until ${clockTime(client.expiresAt, terminal.now())}`;
  if (!isExported) {
    if (await makeContext(client, docker)) {
      return terminal.print(
        `context "${name}", ${until}; the key is root on ${name}\ndocker --context ${name} ps`,
      );
    }
    const folder = `${stateDir}/contexts/${name}`;
    await writeFolder(folder, client);
    return terminal.print(
      `there is no docker on this host; the files are in ${folder}, ${until}. Where docker is:
${contextText(client, folder)}`,
    );
  }
  const where = resolve(path);
  if (await isFolder(path)) {
    await writeFolder(where, client);
    return terminal.print(
      `${where} has ca.pem, cert.pem and key.pem, ${until}; the key is root on ${name}. On the workstation:
DOCKER_HOST=${client.host} DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=${where} docker ps`,
    );
  }
  await writeImport(where, client);
  terminal.print(
    `${where} leads to ${client.host}, ${until}; who has it is root on ${name}. On the workstation:
docker context import ${name} ${where}`,
  );
}

function contextText({ name, host }: DockerClient, folder: string): string {
  const files = `ca=${folder}/ca.pem,cert=${folder}/cert.pem,key=${folder}/key.pem`;
  return `docker context create ${name} --docker host=${host},${files}`;
}
