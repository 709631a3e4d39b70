import { satisfies, validRange } from 'semver';
import { ADAPTERS } from '../adapters.ts';
import { error, install, listed, ok, warning } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { API, directly } from '../project/project.ts';
import type { Copy } from '../project/project.ts';
import { groupBy } from '../group-by.ts';
import type { Check } from './check.ts';

/** Holds what our installed packages take as peers against what is there. */
export const adapterPeers: Check = ({ project, copies }) => {
  const findings: Finding[] = [];
  const fitting: string[] = [];
  for (const adapter of copies.keys()) {
    if (!isOurs(adapter)) continue;
    for (const [name, { range, isOptional }] of adapter.peers) {
      const peer = adapter.dependencies.get(name);
      if (peer === undefined) {
        if (isOptional) continue;
        findings.push(
          error(
            'adapter-peers',
            `${adapter.name} needs ${name}, which is not there`,
            install(project.packageManager, `${name}@${range}`),
          ),
        );
      } else if (!fits(peer, range)) {
        findings.push(
          error(
            'adapter-peers',
            `${adapter.name} ${adapter.version} takes ${name} ${range}, and ${peer.place} is ${peer.version}`,
            install(project.packageManager, `${name}@${range.split('||').at(-1)?.trim()}`),
          ),
        );
      } else if (name !== API) fitting.push(`${name} ${peer.version}`);
    }
  }
  if (findings.length === 0 && fitting.length > 0)
    findings.push(ok('adapter-peers', `our packages take ${listed(fitting)}`));
  return findings;
};

/** Our packages are released together: two releases in one process read each other's context, and are not tested to. */
export const adapterVersions: Check = ({ project, copies }) => {
  const ours = [...copies.keys()].filter(isOurs);
  const versions = groupBy(ours, ({ version }) => version);
  if (versions.size < 2) return [];
  const said = [...versions].map(([version, of]) => `${version} (${listed(of.map(({ name }) => name))})`);
  return [
    warning(
      'adapter-versions',
      `our packages are of several releases: ${said.join(', ')}`,
      install(project.packageManager, ...new Set(ours.map(({ name }) => `${name}@latest`))),
    ),
  ];
};

/** Holds libraries that an adapter of ours is not installed for against what it would take. */
export const libraryVersions: Check = ({ project, member, copies }) => {
  const installed = new Set([...copies.keys()].map(({ name }) => name));
  const findings: Finding[] = [];
  const taken: string[] = [];
  for (const { name: adapter, libraries } of ADAPTERS) {
    if (installed.has(adapter)) continue;
    for (const [name, range] of Object.entries(libraries)) {
      const library = directly(member, name);
      if (library === undefined) continue;
      if (fits(library, range)) taken.push(`${name} ${library.version} (${adapter})`);
      else
        findings.push(
          warning(
            'library-versions',
            `${name} ${library.version} is not what ${adapter} takes: ${range}`,
            install(project.packageManager, `${name}@${range.split('||').at(-1)?.trim()}`),
          ),
        );
    }
  }
  if (taken.length > 0)
    findings.push(ok('library-versions', `there is an adapter for ${listed(taken)}, and it takes that version`));
  return findings;
};

function isOurs({ name }: Copy): boolean {
  return name.startsWith('@throughline/');
}

/** A range of another kind, such as a workspace's, is nothing to hold against. */
function fits({ version }: Copy, range: string): boolean {
  return validRange(range) === null || satisfies(version, range, { includePrerelease: true });
}
