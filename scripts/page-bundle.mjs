// Bundles web/ into the files of the status page. They become a part of the plugin's own bundle, so nothing of them is
// written to disk.
import { build, transform } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));

/** @returns for each path of the port, the type and the text of its file. */
export async function bundlePage() {
  const { outputFiles } = await build({
    entryPoints: { page: path('web/main.tsx') },
    outdir: path('dist'),
    write: false,
    bundle: true,
    minify: true,
    platform: 'browser',
    target: 'es2023',
    format: 'iife',
    // The Docker build has no tsconfig.json.
    tsconfigRaw: {},
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'warning',
  });
  const style = await readFile(path('web/style.css'), 'utf8');
  const { code: css } = await transform(style, { loader: 'css', minify: true });
  return {
    '/': { type: 'text/html; charset=utf-8', body: await readFile(path('web/index.html'), 'utf8') },
    '/assets/page.js': { type: 'text/javascript; charset=utf-8', body: outputFiles[0].text },
    '/assets/page.css': { type: 'text/css; charset=utf-8', body: css },
    '/assets/icon.svg': {
      type: 'image/svg+xml',
      body: await readFile(path('web/icon.svg'), 'utf8'),
    },
  };
}
