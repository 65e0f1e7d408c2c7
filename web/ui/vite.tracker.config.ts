import { defineConfig } from 'vite';

// web/tracker is built by the dashboard's tools: --mode script for pages, which web.go
// serves as /tracker.js, and --mode module for those that bundle it themselves.
export default defineConfig(({ mode }) => ({
  root: '../tracker',
  publicDir: false,
  build: {
    outDir: 'dist',
    emptyOutDir: false,
    target: 'es2020',
    lib:
      mode === 'script'
        ? { entry: 'src/script.ts', formats: ['iife'], name: 'unused', fileName: () => 'tracker.js' }
        : { entry: 'src/index.ts', formats: ['es'], fileName: () => 'index.js' },
    minify: mode === 'script',
  },
}));
