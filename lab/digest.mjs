// Writes the digest of the sources next to the bundle: a test compares both without node.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

const folders = ['src', 'style'];
const names = folders.flatMap(each => readdirSync(each).map(name => `${each}/${name}`));
const hash = createHash('sha256');
for (const name of [...names, 'package-lock.json', 'package.json'].sort()) {
  hash.update(`${name}\0`).update(readFileSync(name));
}
writeFileSync('labextension/sources.sha256', `${hash.digest('hex')}\n`);
