/**
 * sshd on hosts of an uplink's site, and an `ssh` for the remote host that knows them. Nothing of
 * this machine's own settings of ssh is read or written.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run, until } from '../lab/netns.ts';
import type { UplinkSite } from './uplink-site.ts';

const PORT = 2022;

export class JumpHosts {
  readonly #site: UplinkSite;
  readonly #folder: string;

  constructor(site: UplinkSite) {
    this.#site = site;
    this.#folder = join(site.folder, 'ssh');
    mkdirSync(this.#folder);
    for (const name of ['host', 'member', 'stranger']) {
      const words = ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', this.#path(name)];
      run('ssh-keygen', words);
    }
    this.#write('known_hosts', `* ${readFileSync(this.#path('host.pub'), 'utf8')}`);
    const settings = `Host *\n  Port ${PORT}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${this.#path('known_hosts')}\n`;
    this.#write('settings', settings);
    this.useKey('member');
    // sshd wants a user and a folder of its own, which only its package makes.
    this.#write(
      'passwd',
      `${readFileSync('/etc/passwd', 'utf8')}sshd:x:65533:65534::/:/bin/false\n`,
    );
    const real = run('sh', ['-c', 'command -v ssh']).trim();
    mkdirSync(join(this.#folder, 'bin'));
    this.#write('bin/ssh', `#!/bin/sh\nexec ${real} -F ${this.#path('member.settings')} "$@"\n`);
    chmodSync(this.#path('bin/ssh'), 0o755);
    site.path = `${join(this.#folder, 'bin')}:${site.path}`;
  }

  /** The key that the remote host shows from now on. */
  useKey(name: 'member' | 'stranger'): void {
    const settings = readFileSync(this.#path('settings'), 'utf8');
    this.#write('member.settings', `${settings}  IdentityFile ${this.#path(name)}\n`);
  }

  /** @param rights what stands before the member's key in `authorized_keys`. */
  async start(name: string, address: string, rights: string): Promise<void> {
    const keys = `${name}.keys`;
    this.#write(keys, `${rights} ${readFileSync(this.#path('member.pub'), 'utf8')}`);
    const settings = [
      ...[`Port ${PORT}`, `ListenAddress ${address}`, `HostKey ${this.#path('host')}`],
      ...[`AuthorizedKeysFile ${this.#path(keys)}`, 'StrictModes no', 'UsePAM no'],
      ...['PidFile none', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no'],
    ];
    this.#write(`${name}.sshd`, `${settings.join('\n')}\n`);
    const sshd = run('sh', ['-c', 'command -v sshd']).trim();
    const script = `mount --bind ${this.#path('passwd')} /etc/passwd
mount -t tmpfs none /run && mkdir /run/sshd
LD_LIBRARY_PATH=${dirname(sshd)} exec ${sshd} -D -e -f ${this.#path(`${name}.sshd`)}`;
    const before = this.#site.log.length;
    this.#site.start(name, 'unshare', '--mount', 'sh', '-ec', script);
    const words = new RegExp(`${name}: (.*\n)*?.*Server listening on ${address}`);
    await until(`sshd of ${name} listens`, () => words.test(this.#site.log.slice(before)));
  }

  /** `ssh` on the remote host, as a person types it. */
  ssh(words: string): { readonly status: number | null; readonly stdout: string } {
    return this.#site.tried('remote', `${this.#path('bin/ssh')} -o BatchMode=yes ${words}`);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #write(name: string, text: string): void {
    writeFileSync(this.#path(name), text, { mode: 0o600 });
  }
}
