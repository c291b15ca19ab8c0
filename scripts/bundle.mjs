// Bundles plugin/main.ts into dist/vlandhcp.cjs; koffi stays outside, it carries native code.
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));

await build({
  entryPoints: [new URL('../plugin/main.ts', import.meta.url).pathname],
  outfile: new URL('../dist/vlandhcp.cjs', import.meta.url).pathname,
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
