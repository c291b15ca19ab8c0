#!/usr/bin/env node
// rootfs-pick.mjs FROM TO PATH...   copies programs, and whatever they are linked with, from one root
// folder into another: the smallest file tree in which they still start. Works for any architecture, as
// it reads the ELF headers itself (program interpreter and NEEDED entries) instead of running `ldd`.
// A PATH may be a file, a symbolic link (its target comes along) or a folder (all its files do).
import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { readlinkSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';

const [from, to, ...wanted] = process.argv.slice(2);
if (!wanted.length) {
  process.stderr.write('usage: rootfs-pick.mjs FROM TO PATH...\n');
  process.exit(2);
}

const type = (path) => lstatSync(join(from, path), { throwIfNoEntry: false });

/** The path with every symbolic link of its folders followed, all inside FROM. */
function resolveFolders(path) {
  let done = '/';
  for (const part of dirname(normalize(path)).split('/').filter(Boolean)) {
    done = join(done, part);
    for (let hops = 0; type(done)?.isSymbolicLink(); hops++) {
      if (hops > 20) throw new Error(`${path}: symbolic links go round in a circle`);
      const target = readlinkSync(join(from, done));
      done = target.startsWith('/') ? target : join(dirname(done), target);
    }
  }
  return join(done, basename(path));
}

/** Interpreter, NEEDED names and library folders of an ELF file; undefined for any other file. */
function readElf(bytes) {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  if (bytes[4] !== 2 || bytes[5] !== 1)
    throw new Error('only 64-bit little-endian ELF is supported');
  const headers = Array.from({ length: bytes.readUInt16LE(56) }, (_, index) => {
    const at = Number(bytes.readBigUInt64LE(32)) + index * bytes.readUInt16LE(54);
    const word = (offset) => Number(bytes.readBigUInt64LE(at + offset));
    return { kind: bytes.readUInt32LE(at), offset: word(8), address: word(16), size: word(32) };
  });
  const text = (at) => bytes.toString('latin1', at, bytes.indexOf(0, at));
  const interpreter = headers.find(({ kind }) => kind === 3);
  const entries = [];
  const dynamic = headers.find(({ kind }) => kind === 2);
  for (let at = dynamic?.offset ?? 0; dynamic && at < dynamic.offset + dynamic.size; at += 16) {
    const tag = Number(bytes.readBigInt64LE(at));
    if (tag === 0) break;
    entries.push([tag, Number(bytes.readBigUInt64LE(at + 8))]);
  }
  const stringsAddress = entries.find(([tag]) => tag === 5)?.[1] ?? 0;
  const home = headers.find(
    (h) => h.kind === 1 && h.address <= stringsAddress && stringsAddress < h.address + h.size,
  );
  const strings = home ? stringsAddress - home.address + home.offset : 0;
  const all = (...tags) =>
    entries.filter(([tag]) => tags.includes(tag)).map(([, value]) => text(strings + value));
  return {
    machine: bytes.readUInt16LE(18),
    interpreter: interpreter && text(interpreter.offset),
    needed: all(1),
    folders: all(15, 29).flatMap((list) => list.split(':')),
  };
}

const triplets = { 62: 'x86_64-linux-gnu', 183: 'aarch64-linux-gnu' };
const taken = new Set();

function take(path, because) {
  const real = resolveFolders(path);
  if (taken.has(real)) return;
  const entry = type(real);
  if (!entry) throw new Error(`${path} is missing in ${from}${because ? ` (for ${because})` : ''}`);
  taken.add(real);
  if (entry.isDirectory()) {
    for (const name of readdirSync(join(from, real)).sort()) take(join(real, name), path);
    return;
  }
  mkdirSync(join(to, dirname(real)), { recursive: true });
  if (entry.isSymbolicLink()) {
    const target = readlinkSync(join(from, real));
    symlinkSync(target, join(to, real));
    take(target.startsWith('/') ? target : join(dirname(real), target), path);
    return;
  }
  if (!entry.isFile()) return;
  copyFileSync(join(from, real), join(to, real));
  chmodSync(join(to, real), statSync(join(from, real)).mode & 0o755);
  const elf = readElf(readFileSync(join(from, real)));
  if (!elf) return;
  const triplet = triplets[elf.machine];
  if (!triplet) throw new Error(`${path}: no library folder known for ELF machine ${elf.machine}`);
  if (elf.interpreter) take(elf.interpreter, path);
  const folders = [
    ...elf.folders.map((folder) => folder.replace(/\$\{?ORIGIN\}?/, dirname(real))),
    ...[`/usr/lib/${triplet}`, `/lib/${triplet}`, '/usr/local/lib', '/usr/lib', '/usr/lib64'],
  ];
  for (const name of elf.needed) {
    const place = folders.map((folder) => join(folder, name)).find((p) => type(resolveFolders(p)));
    if (!place) throw new Error(`${path} needs ${name}, which ${from} does not have`);
    take(place, path);
  }
}

try {
  for (const path of wanted) take(path);
} catch (error) {
  process.stderr.write(`rootfs-pick: ${error.message}\n`);
  process.exit(1);
}
