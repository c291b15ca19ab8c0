// Bundles plugin/main.ts into dist/vlandhcp.cjs; koffi stays outside, it carries native code.
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));

await build({
  entryPoints: [fileURLToPath(new URL('../plugin/main.ts', import.meta.url))],
  outfile: fileURLToPath(new URL('../dist/vlandhcp.cjs', import.meta.url)),
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  external: ['koffi'],
  define: { VLANDHCP_VERSION: JSON.stringify(version) },
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning',
});
