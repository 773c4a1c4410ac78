import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    environment: 'node',
    include: ['e2e/**/*.spec.ts'],
    globalSetup: ['e2e/needsChromium.ts'],
    testTimeout: 120_000,
    // More than all that a start and an end wait for: they say what is missing, and leave nothing running.
    hookTimeout: 360_000,
    fileParallelism: false,
  },
})
