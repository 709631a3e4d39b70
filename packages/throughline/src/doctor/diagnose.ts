import { CHECKS } from './checks/all.ts';
import type { Examined } from './checks/check.ts';
import type { Finding } from './finding.ts';
import { copiesIn } from './project/project.ts';
import type { Project } from './project/project.ts';
import { commandsOf, settingsOf, sourcesOf } from './project/sources.ts';

/** What `throughline doctor` says. */
export interface Diagnosis {
  readonly folder: string;
  readonly source: Project['source'];
  readonly packageManager: Project['packageManager'];
  /** The packages of the project, and how many findings that are not `ok` each has. */
  readonly members: readonly string[];
  readonly findings: readonly Finding[];
}

/** Returns each package of the project with what its checks look at. */
export function examine(
  project: Project,
  env: Readonly<Record<string, string | undefined>>,
  nodeVersion: string,
): Examined[] {
  return project.members.map((member) => {
    const commands = commandsOf(member);
    return {
      project,
      member,
      copies: copiesIn(member),
      sources: sourcesOf(member, project.members),
      commands,
      settings: settingsOf(member, commands, env),
      nodeVersion,
    };
  });
}

/** Runs every check on each package of the project. What is said of several is said once. */
export function findingsOf(examined: readonly Examined[]): Finding[] {
  const told = new Map<string, { finding: Finding; members: string[] }>();
  for (const one of examined) {
    for (const finding of CHECKS.flatMap((check) => check(one))) {
      const key = JSON.stringify(finding);
      const known = told.get(key);
      if (known === undefined) told.set(key, { finding, members: [one.member.name] });
      else known.members.push(one.member.name);
    }
  }
  const isOne = examined.length === 1;
  return [...told.values()].map(({ finding, members }) => (isOne ? finding : { ...finding, members }));
}
