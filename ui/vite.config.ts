import { fileURLToPath } from 'node:url'

import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

const api = `http://127.0.0.1:${process.env.DYNAVERA_PORT ?? '8000'}`

export default defineConfig({
  plugins: [vue()],
  // The server puts its root path before what the page loads.
  base: './',
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: {
    port: 5173,
    strictPort: true,
    // Host and Origin go through as they are, so the API sees a page of its own.
    proxy: { '/api': { target: api }, '/ws': { target: api, ws: true } },
  },
  // The Content Security Policy takes fonts and images from files only.
  build: { target: 'es2022', sourcemap: true, assetsInlineLimit: 0 },
  test: {
    environment: 'happy-dom',
    environmentOptions: { happyDOM: { url: 'http://localhost:3000/' } },
    include: ['src/**/*.spec.ts'],
    setupFiles: ['src/testing/setup.ts'],
    restoreMocks: true,
    // More than what a query waits for, so that the query says what is missing.
    testTimeout: 20_000,
  },
})
