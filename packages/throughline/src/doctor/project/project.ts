import type { Manifest } from './manifest.ts';

/** One copy of a package, with what its own `require` finds. */
export interface Copy {
  readonly name: string;
  readonly version: string;
  /** Where it is: a path below the project's folder, or its key in the lockfile. */
  readonly place: string;
  /** The versions of Node that it asks for. */
  readonly node?: string | undefined;
  readonly peers: ReadonlyMap<string, Peer>;
  /** Dependencies and peers, by the name that code imports; those that are not there are left out. */
  readonly dependencies: ReadonlyMap<string, Copy>;
}

export interface Peer {
  readonly range: string;
  readonly isOptional: boolean;
}

/** A package of the project: its only one, or one of its workspaces. */
export interface Member {
  readonly name: string;
  /** From the project's folder; `.` is that one. */
  readonly place: string;
  /** Absolute. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** What runs with it. */
  readonly dependencies: ReadonlyMap<string, Copy>;
  /** What is there to build and test it. */
  readonly devDependencies: ReadonlyMap<string, Copy>;
}

export type PackageManager = 'npm' | 'pnpm' | 'yarn';

export interface Project {
  /** Absolute. */
  readonly folder: string;
  /** What the versions are from. */
  readonly source: 'node_modules' | 'package-lock.json' | 'npm-shrinkwrap.json' | 'pnpm-lock.yaml' | 'yarn.lock';
  readonly packageManager: PackageManager;
  readonly members: readonly Member[];
}

/** Returns every copy that can be in a process of a member, with the packages that import each. */
export function copiesIn(member: Member): Map<Copy, Set<Copy | Member>> {
  const dependents = new Map<Copy, Set<Copy | Member>>();
  const add = (copy: Copy, dependent: Copy | Member): void => {
    const known = dependents.get(copy);
    if (known !== undefined) {
      known.add(dependent);
      return;
    }
    dependents.set(copy, new Set([dependent]));
    for (const next of copy.dependencies.values()) add(next, copy);
  };
  for (const copy of member.dependencies.values()) add(copy, member);
  // What is there for tests alone is in no process of the program, unless the package is a library, which has it as a peer.
  if (![...dependents.keys()].some(({ name }) => name === API))
    for (const copy of member.devDependencies.values()) add(copy, member);
  return dependents;
}

export const API = '@opentelemetry/api';

/** Returns the copy that the member's own code imports. */
export function directly(member: Member, name: string): Copy | undefined {
  return member.dependencies.get(name) ?? member.devDependencies.get(name);
}

/** Returns what the member's own package.json names. */
export function directCopies(member: Member): Copy[] {
  return [...new Map([...member.devDependencies, ...member.dependencies]).values()];
}
