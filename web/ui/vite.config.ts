import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// Names carry no hash, so that a rebuild changes the same files; web.go puts the
// build's id into their addresses.
export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // One file: in many small ones the same words compress to twice the size.
    cssCodeSplit: false,
    rollupOptions: {
      output: {
        // What most pages need is one file, too: a visit of any page asks for few.
        codeSplitting: { groups: [{ name: 'shared', minShareCount: 8 }] },
        entryFileNames: 'assets/[name].js',
        chunkFileNames: 'assets/[name].js',
        assetFileNames: 'assets/[name][extname]',
      },
    },
  },
  // For npm run dev, beside make run.
  server: { proxy: { '/api': 'http://localhost:5066', '/docs': 'http://localhost:5066' } },
  test: { include: ['src/**/*.test.ts'], css: true },
});
