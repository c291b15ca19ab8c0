// Bundles plugin/main.ts with the status page of web/ into dist/vlandhcp.cjs, cli/main.ts into dist/vlandhcp-cli.cjs, and
// plugin/uplink-main.ts into dist/vlandhcp-uplink.cjs. koffi stays outside, because it carries native code.
import { build } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundlePage } from './page-bundle.mjs';

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

for (const [source, bundle, more] of [
  ['plugin/main.ts', 'dist/vlandhcp.cjs', { VLANDHCP_PAGE: JSON.stringify(await bundlePage()) }],
  ['cli/main.ts', 'dist/vlandhcp-cli.cjs', {}],
  ['plugin/uplink-main.ts', 'dist/vlandhcp-uplink.cjs', {}],
]) {
  await build({
    entryPoints: [path(source)],
    outfile: path(bundle),
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    external: ['koffi'],
    define: { VLANDHCP_VERSION: JSON.stringify(version), ...more },
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
}
