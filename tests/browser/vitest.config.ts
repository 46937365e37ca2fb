import { defineConfig } from 'vitest/config';

// One browser and one Tollgate at a time: the tests share two cores with both.
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ['verbose'],
  },
});
