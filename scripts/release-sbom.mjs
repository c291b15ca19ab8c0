// release-sbom.mjs FOLDER ARCH COMMIT EPOCH   prints the software bill of materials of a plugin folder (SPDX 2.3, JSON):
// the Debian packages that its programs come from, and the npm packages that are in the bundle or beside it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, arch, commit, epoch] = process.argv.slice(2);
if (epoch === undefined) {
  process.stderr.write('usage: release-sbom.mjs FOLDER ARCH COMMIT EPOCH\n');
  process.exit(2);
}
const root = join(import.meta.dirname, '..');
const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const { version } = read(join(root, 'package.json'));
const cpu = arch === 'amd64' ? 'x64' : 'arm64';

/** The Debian packages that the rootfs was picked from, as scripts/build-rootfs wrote them down. */
function debianPackages() {
  const lines = readFileSync(join(folder, 'rootfs/app/PACKAGES'), 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [name, version] = line.split('=');
    if (!version) throw new Error(`rootfs/app/PACKAGES: "${line}" is not NAME=VERSION`);
    return { name, version, kind: 'deb/debian' };
  });
}

/** npm packages of the lock that a running plugin may need: no development ones, koffi for this architecture only. */
function npmPackages() {
  return Object.entries(read(join(root, 'package-lock.json')).packages)
    .filter(([path, entry]) => path !== '' && !entry.dev && !entry.devOptional)
    .filter(([, { cpu: cpus, os }]) => !cpus || (cpus.includes(cpu) && os?.includes('linux')))
    .map(([path, entry]) => ({
      name: path.split('node_modules/').at(-1),
      version: entry.version,
      kind: 'npm',
      integrity: entry.integrity,
      license: entry.license,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

const idOf = ({ kind, name }) =>
  `SPDXRef-${kind}-${name}`.replace(/[^A-Za-z0-9.-]/g, (letter) => (letter === '/' ? '.' : '-'));
const packages = [...debianPackages(), ...npmPackages()];
const self = { kind: 'plugin', name: 'vlandhcp' };
const sha512 = (integrity) => Buffer.from(integrity.replace(/^sha512-/, ''), 'base64');
const document = {
  spdxVersion: 'SPDX-2.3',
  dataLicense: 'CC0-1.0',
  SPDXID: 'SPDXRef-DOCUMENT',
  name: `vlandhcp-${version}-${arch}`,
  documentNamespace: `urn:vlandhcp:${version}:${arch}:${commit}`,
  creationInfo: {
    created: new Date(Number(epoch) * 1000).toISOString().replace('.000Z', 'Z'),
    creators: ['Tool: scripts/release'],
  },
  packages: [
    {
      ...{ name: 'vlandhcp', SPDXID: idOf(self), versionInfo: version },
      ...{ downloadLocation: 'NOASSERTION', filesAnalyzed: false, licenseDeclared: 'Apache-2.0' },
      sourceInfo: `commit ${commit}`,
    },
    ...packages.map((one) => ({
      name: one.name,
      SPDXID: idOf(one),
      ...(one.version && { versionInfo: one.version }),
      downloadLocation: 'NOASSERTION',
      filesAnalyzed: false,
      ...(/^[\w.+-]+$/.test(one.license ?? '') && { licenseDeclared: one.license }),
      ...(one.integrity?.startsWith('sha512-') && {
        checksums: [{ algorithm: 'SHA512', checksumValue: sha512(one.integrity).toString('hex') }],
      }),
      ...(one.version && {
        externalRefs: [
          {
            referenceCategory: 'PACKAGE-MANAGER',
            referenceType: 'purl',
            referenceLocator: `pkg:${one.kind}/${one.name.replace('@', '%40')}@${one.version}`,
          },
        ],
      }),
    })),
  ],
  relationships: [
    {
      spdxElementId: 'SPDXRef-DOCUMENT',
      relationshipType: 'DESCRIBES',
      relatedSpdxElement: idOf(self),
    },
    ...packages.map((one) => ({
      spdxElementId: idOf(self),
      relationshipType: 'CONTAINS',
      relatedSpdxElement: idOf(one),
    })),
  ],
};
process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
