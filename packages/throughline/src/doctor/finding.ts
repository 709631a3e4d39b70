import type { PackageManager } from './project/project.ts';

/** What a check says of a project. `error` breaks tracing, `warning` may, `ok` is fine. */
export interface Finding {
  readonly code: FindingCode;
  readonly status: Status;
  /** One sentence. */
  readonly message: string;
  /** A command, or a line of code; of what is not `ok`. */
  readonly fix?: string;
  /** The packages of the workspace that it is of; all, where it is missing. */
  readonly members?: readonly string[];
}

export type Status = 'ok' | 'warning' | 'error';

export type FindingCode =
  | 'node'
  | 'sdk'
  | 'sdk-lines'
  | 'api-copies'
  | 'api-range'
  | 'adapter-versions'
  | 'adapter-peers'
  | 'library-versions'
  | 'set-up'
  | 'set-ups'
  | 'records'
  | 'propagator'
  | 'context-manager'
  | 'exporter'
  | 'flush'
  | 'environment'
  | 'esm'
  | 'beside';

export const ok = (code: FindingCode, message: string): Finding => ({ code, status: 'ok', message });

export const warning = (code: FindingCode, message: string, fix: string): Finding => ({
  code,
  status: 'warning',
  message,
  fix,
});

export const error = (code: FindingCode, message: string, fix: string): Finding => ({
  code,
  status: 'error',
  message,
  fix,
});

/** Returns the command that adds packages. */
export function install(manager: PackageManager, ...packages: readonly string[]): string {
  const quoted = packages.map((one) => (/[\^~<>*| ]/.test(one) ? `'${one}'` : one));
  return `${manager} ${manager === 'npm' ? 'install' : 'add'} ${quoted.join(' ')}`;
}

/** Returns what has every copy of a package be of one version. */
export function override(manager: PackageManager, name: string, version: string, isDirect: boolean): string {
  switch (manager) {
    case 'npm':
      // npm refuses an override that is not what package.json itself asks for, and does not apply one to what is locked.
      return `${isDirect ? `${name} ${version} in package.json, with ` : ''}"overrides": { "${name}": "${isDirect ? `$${name}` : version}" }, then rm -rf node_modules package-lock.json && npm install`;
    case 'pnpm':
      return `overrides: { '${name}': ${version} } in pnpm-workspace.yaml, then pnpm install`;
    case 'yarn':
      return `"resolutions": { "${name}": "${version}" } in package.json, then yarn install`;
  }
}

/** Lists names as a sentence does; past the fourth, it counts. */
export function listed(names: Iterable<string>): string {
  const all = [...new Set(names)];
  const shown = all.length > 5 ? [...all.slice(0, 4), `${all.length - 4} more`] : all;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
