import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The portal replaces this word by a fresh nonce in each page that it serves.
const nonce = 'TOLLGATE_NONCE';

// While writing: addresses of the developer portal get its own page.
const developerPages: Plugin = {
  name: 'developer-pages',
  configureServer(server) {
    server.middlewares.use((request, _response, next) => {
      if (request.url?.startsWith('/p/')) request.url = '/developer.html';
      next();
    });
  },
};

// Two pages: the portal, and the developer portal that a gateway's owner
// publishes for its consumers. They share no code but what both import.
export default defineConfig({
  plugins: [react(), developerPages],
  resolve: { alias: { '@': here('./src') } },
  html: { cspNonce: nonce },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    sourcemap: false,
    manifest: true,
    rolldownOptions: {
      input: { portal: here('./index.html'), developer: here('./developer.html') },
    },
  },
  server: {
    port: 5173,
    proxy: Object.fromEntries(
      ['/v1', '/docs', '/openapi.yaml', '/dev/mails', '/static'].map((path) => [
        path,
        { target: process.env.TOLLGATE_PORTAL ?? 'http://localhost:8080', changeOrigin: true },
      ]),
    ),
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test/setup.ts'],
    restoreMocks: true,
  },
});
