import { ltr, major, maxSatisfying, minor, prerelease, satisfies } from 'semver';
import { error, listed, ok, override, warning } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { API, directCopies, directly } from '../project/project.ts';
import type { Copy } from '../project/project.ts';
import { groupBy } from '../group-by.ts';
import type { Check, Examined } from './check.ts';
import { sdksOf } from './lines.ts';

/**
 * Looks whether all code of a process reaches the one api that the SDK registers with. A copy reads what one of its own minor or a later
 * one registered, and nothing of an older one: without an error, its spans record nothing.
 * https://github.com/open-telemetry/opentelemetry-js/blob/main/api/src/internal/semver.ts
 */
export const apiCopies: Check = (examined) => {
  const { project, member, copies } = examined;
  const apis = apisOf(copies);
  const registrar = registrarOf(examined);
  if (registrar === undefined) return [];
  const blind = apis.filter((copy) => !canRead(copy, registrar));
  const others = apis.filter(
    (copy) => copy !== registrar && copy.version !== registrar.version && !blind.includes(copy),
  );
  const fix = override(
    project.packageManager,
    API,
    agreed(registrar, apis, examined),
    directly(member, API) !== undefined,
  );
  if (blind.length > 0) {
    const told = blind.map((copy) => `${copy.version} in ${copy.place}, for ${importers(copy, examined)}`);
    return [
      error(
        'api-copies',
        `${apis.length} copies of ${API}. These see nothing of what the SDK registers with ${registrar.version} in ${registrar.place}, and their spans record nothing, without an error: ${told.join('; ')}`,
        fix,
      ),
    ];
  }
  const sdks = sdksOf(examined);
  const isRegistering = examined.sources.some(({ text }) => /\.setGlobal[A-Z]/.test(text));
  const registers = sdks.length > 0 && isRegistering ? others.filter((copy) => copy === directly(member, API)) : [];
  if (registers.length > 0)
    return registers.map((copy) =>
      warning(
        'api-copies',
        `this package registers with ${API} ${copy.version}, and the SDK with ${registrar.version}: whichever comes second is refused`,
        fix,
      ),
    );
  if (apis.length === 1) return [ok('api-copies', `one copy of ${API}, ${registrar.version}`)];
  const rest = apis.filter((copy) => copy !== registrar).map(({ version, place }) => `${version} in ${place}`);
  return [
    ok(
      'api-copies',
      `${apis.length} copies of ${API} that reach each other: ${registrar.version} is the SDK's, ${rest.join(', ')} reads it`,
    ),
  ];
};

/** Holds the api against the ranges of OpenTelemetry's packages: those that the package itself takes, as others bring what they work with. */
export const apiRange: Check = (examined) => {
  const { project, member } = examined;
  const findings: Finding[] = [];
  const unmet = groupBy(
    directCopies(member).filter((copy) => {
      const [range, api] = [copy.peers.get(API)?.range, copy.dependencies.get(API)];
      return copy.name.startsWith('@opentelemetry/') && api && range && !satisfies(api.version, range);
    }),
    (copy) => `${copy.dependencies.get(API)?.version} ${copy.peers.get(API)?.range}`,
  );
  for (const group of unmet.values()) {
    const [first] = group;
    const range = first?.peers.get(API)?.range ?? '*';
    const api = first?.dependencies.get(API);
    if (api === undefined) continue;
    const what = `${API} is ${api.version}, and ${listed(group.map(({ name, version }) => `${name} ${version}`))} asks for ${range}`;
    const fix = override(project.packageManager, API, lowestIn(range), directly(member, API) !== undefined);
    findings.push(
      ltr(api.version, range)
        ? error('api-range', `${what}: it lacks what is imported from it`, fix)
        : warning('api-range', `${what}: package managers refuse it, or install two`, fix),
    );
  }
  return findings;
};

/** Returns the copies that spans are made with: packages of types for logs bring one that is in nobody's way. */
export function apisOf(copies: Examined['copies']): Copy[] {
  return [...copies]
    .filter(
      ([{ name }, importing]) => name === API && [...importing].some((one) => one.name !== '@opentelemetry/api-logs'),
    )
    .map(([copy]) => copy);
}

/** Whether code that imports one copy sees what is registered through another. */
export function canRead(copy: Copy, registrar: Copy): boolean {
  if (copy.version === registrar.version) return true;
  if (prerelease(copy.version) !== null || prerelease(registrar.version) !== null) return false;
  return major(copy.version) === major(registrar.version) && minor(copy.version) <= minor(registrar.version);
}

/** The copy that the SDK imports; without an SDK, that of the package itself. */
function registrarOf(examined: Examined): Copy | undefined {
  for (const sdk of sdksOf(examined)) {
    // A lockfile may not tell peers.
    const api = sdk.dependencies.get(API) ?? directly(examined.member, API);
    if (api !== undefined) return api;
  }
  return directly(examined.member, API) ?? [...examined.copies.keys()].find(({ name }) => name === API);
}

function importers(copy: Copy, { copies }: Examined): string {
  return listed([...(copies.get(copy) ?? [])].map(({ name }) => name));
}

/** The version for all: the newest there that the SDK takes. */
function agreed(registrar: Copy, apis: readonly Copy[], examined: Examined): string {
  const range = sdksOf(examined)[0]?.peers.get(API)?.range ?? '*';
  return (
    maxSatisfying(
      apis.map(({ version }) => version),
      range,
    ) ?? registrar.version
  );
}

function lowestIn(range: string): string {
  const upper = /<\s*1\.(\d+)\.0/.exec(range)?.[1];
  return upper === undefined ? '^1.9.0' : `~1.${Number(upper) - 1}`;
}
