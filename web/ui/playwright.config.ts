import { defineConfig } from '@playwright/test';

// On a real standalone that tests/setup.ts starts: first without any user, then with a
// small sample. Debian's Chromium is used, nothing is downloaded.
export default defineConfig({
  testDir: './tests',
  globalSetup: './tests/setup.ts',
  outputDir: './test-results',
  snapshotPathTemplate: '{testDir}/pictures/{arg}{ext}',
  workers: 2,
  timeout: 240_000,
  expect: { timeout: 20_000, toHaveScreenshot: { maxDiffPixelRatio: 0.001 } },
  reporter: 'line',
  projects: process.env.SCREENS ? [{ name: 'screens', testMatch: 'screens.ts' }] : [
    { name: 'empty', testMatch: 'empty.spec.ts' },
    { name: 'sample', testMatch: 'sample.setup.ts', dependencies: ['empty'] },
    { name: 'pages', testMatch: '*.spec.ts', testIgnore: 'empty.spec.ts', dependencies: ['sample'] },
  ],
  use: {
    browserName: 'chromium',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
    },
    locale: 'en-GB',
    timezoneId: 'Europe/Warsaw',
    permissions: ['clipboard-read', 'clipboard-write'],
  },
});
