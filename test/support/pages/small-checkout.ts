/**
 * A copy of those files of this checkout that scripts/lab/prepare needs, in a folder with a blank.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './readme.ts';

export class SmallCheckout {
  readonly folder: string;
  /** This folder comes first in PATH. */
  readonly bin: string;
  readonly lab: string;

  constructor(within: string) {
    const around = mkdtempSync(join(within, 'a checkout '));
    this.folder = join(around, 'of mine');
    this.bin = join(around, 'bin');
    this.lab = join(around, 'lab');
    const sources = ['plugin', 'cli', 'web'].map((name) => join(this.folder, name));
    for (const folder of [this.folder, this.bin, this.lab, ...sources])
      mkdirSync(folder, { recursive: true });
    for (const path of [
      'scripts',
      'package.json',
      'package-lock.json',
      'config.json',
      'tsconfig.json',
    ])
      cpSync(join(root, path), join(this.folder, path), { recursive: true });
    for (const folder of sources) writeFileSync(join(folder, 'main.ts'), 'let a = 1;\n');
  }

  /** Replaces a script by a program of the test. */
  program(path: string, script: string): void {
    writeFileSync(join(this.folder, path), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  }

  env(more: Record<string, string> = {}): NodeJS.ProcessEnv {
    return {
      ...ownEnvironment(),
      PATH: `${this.bin}:${process.env['PATH'] ?? ''}`,
      VLANDHCP_LAB: this.lab,
      XDG_CACHE_HOME: this.lab,
      ...more,
    };
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }
}

/**
 * Leaves out what npm gives to the scripts that it runs. An npm below it would take its settings
 * from there.
 */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')),
  );
}
