import { error, install, listed, ok, warning } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { directCopies } from '../project/project.ts';
import type { Copy } from '../project/project.ts';
import { groupBy } from '../group-by.ts';
import type { Check, Examined } from './check.ts';

/** 1, 2 or 3: stable packages say it by their version; those below 1.0 count on from 0.200 and 0.300. */
export type Line = 1 | 2 | 3;

// What makes spans, and what exports them: they hand each other objects whose fields a line decides.
const MAKES = /^@opentelemetry\/sdk-(node|trace(-base|-node)?)$/;
const EXPORTS = /^@opentelemetry\/exporter-(trace-otlp-(http|proto|grpc)|zipkin|jaeger)$/;

export function lineOf({ version }: Pick<Copy, 'version'>): Line | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const line = major > 0 ? major : Math.max(1, Math.floor(minor / 100));
  return line === 1 || line === 2 || line === 3 ? line : undefined;
}

/** Returns the packages that a member itself takes to make spans, or those of what sets tracing up for it. */
export function sdksOf({ member, copies }: Pick<Examined, 'member' | 'copies'>): Copy[] {
  const own = directCopies(member).filter(({ name }) => MAKES.test(name));
  return own.length > 0 ? own : [...copies.keys()].filter(({ name }) => MAKES.test(name));
}

/** Looks that what makes spans and what exports them are of one line of OpenTelemetry. */
export const lines: Check = (examined) => {
  const { project, member, copies } = examined;
  const taken = directCopies(member).filter(({ name }) => MAKES.test(name) || EXPORTS.test(name));
  if (taken.length === 0) {
    const inside = sdksOf(examined);
    return inside.length === 0 ? withoutSdk(examined) : [ok('sdk', `${versions(inside)}, by another package`)];
  }
  const byLine = groupBy(taken, lineOf);
  const present = ([1, 2, 3] as const).filter((line) => byLine.has(line));
  const newest = present.at(-1);
  if (newest === 1)
    return [
      warning(
        'sdk',
        `${versions(taken)}: the 1.x line of OpenTelemetry gets no fixes, and our packages are tested with 2.x and 3.x`,
        install(project.packageManager, ...taken.map(({ name }) => `${name}@${rangeOn(name, 2)}`)),
      ),
    ];
  if (newest === undefined || present.length < 2) {
    const others = sdksOf({ member: { ...member, dependencies: new Map(), devDependencies: new Map() }, copies });
    const elsewhere = others.filter((copy) => newest !== undefined && lineOf(copy) !== newest);
    const beside = elsewhere.length === 0 ? '' : `; ${versions(elsewhere)}, of another package, takes no part in it`;
    return [ok('sdk', `${versions(taken)}${beside}`)];
  }
  const older = present.slice(0, -1).flatMap((line) => byLine.get(line) ?? []);
  const fix = install(project.packageManager, ...older.map(({ name }) => `${name}@${rangeOn(name, newest)}`));
  const isFatal = present.includes(1);
  const mixed = present.map((line) => `${line} (${versions(byLine.get(line) ?? [])})`).join(' and ');
  return [
    isFatal
      ? error(
          'sdk-lines',
          `OpenTelemetry ${mixed} are mixed: what exports throws at spans of the other line, and all are lost`,
          fix,
        )
      : warning(
          'sdk-lines',
          `OpenTelemetry ${mixed} are mixed: they ask for different versions of the api, so that one process gets two`,
          fix,
        ),
  ];
};

function versions(copies: readonly Copy[]): string {
  return listed(copies.map(({ name, version }) => `${name} ${version}`));
}

/** A library has the api as a peer, and its SDK is the program's. */
function withoutSdk({ project, member, copies }: Examined): Finding[] {
  const uses = [...member.dependencies.keys()].filter((name) => RECORDS.test(name));
  const { peers, isPrivate, workspaces } = member.manifest;
  if (uses.length === 0 || peers.size > 0 || !isPrivate || workspaces.length > 0) return [];
  if ([...copies.keys()].some(({ name }) => DISTRIBUTIONS.test(name))) return [];
  return [
    warning(
      'sdk',
      `no OpenTelemetry SDK among the dependencies: without one from outside, nothing is recorded`,
      install(project.packageManager, '@opentelemetry/sdk-node'),
    ),
  ];
}

const RECORDS = /^@opentelemetry\/(api|instrumentation-.*)$|^@throughline\/(?!verify$)/;
const DISTRIBUTIONS = /^(dd-trace|newrelic|@sentry\/node)$/;

function rangeOn(name: string, line: Line): string {
  const isStable = /\/sdk-trace|exporter-(zipkin|jaeger)/.test(name);
  if (isStable) return `^${line}`;
  return line === 1 ? '^0.57' : `>=0.${line}00.0 <0.${line + 1}00.0`;
}
