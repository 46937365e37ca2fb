// Compresses what Vite built, so that the portal only sends bytes: each text
// asset is kept as .br and .gz alone (the portal unpacks the .gz for the rare
// client that takes neither). The two pages stay as they are, because the portal
// writes a nonce into them.
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist');
const text = new Set(['.js', '.css', '.svg', '.json', '.txt', '.map']);

function* files(dir) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

for (const path of [...files(dist)]) {
  if (!text.has(extname(path)) || path.includes('.vite')) continue;
  const bytes = readFileSync(path);
  // The highest level takes long on large chunks and saves little there.
  const quality = bytes.length > 1 << 20 ? 9 : 11;
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  rmSync(path);
}
// The folder is in the repository, so that the portal compiles without a build.
writeFileSync(join(dist, '.gitkeep'), '');
