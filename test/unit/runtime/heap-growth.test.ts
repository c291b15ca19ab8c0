import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('this Node knows the option by which the heap grows, and takes it while it runs', () => {
  const source = readFileSync('plugin/runtime/heap-growth.ts', 'utf8');
  const [option = 'none'] = /--heap[a-z-]+/.exec(source) ?? [];
  const program = `require('node:v8').setFlagsFromString('${option}=25')`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
