// Bundles each SDK with the script that uses it into a page of dist, as an application's
// bundler would.
import { readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const names = readdirSync(path('sdks')).map((file) => file.replace(/\.js$/, ''));
await build({
  entryPoints: names.map((name) => path(`sdks/${name}.js`)),
  bundle: true, format: 'iife', platform: 'browser', outdir: path('dist'), logLevel: 'warning',
  define: { 'process.env.NODE_ENV': '"production"' },
});
for (const name of names) {
  writeFileSync(path(`dist/${name}.html`), `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>${name}</title><script src="${name}.js"></script>\n`);
}
