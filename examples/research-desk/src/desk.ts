/** What travels between the agents of the desk, and where. */

/** What a task wants to know about the question's subject. */
export type Aspect = 'meaning' | 'code' | 'tests';

/** Where in the repository a passage stands: prose, a docstring, or the name of a test. */
export type PassageKind = 'prose' | 'docstring' | 'test';

/** One sub-question, on the topic of tasks. */
export interface Task {
  readonly id: string;
  readonly question: string;
  readonly aspect: Aspect;
  readonly wording: string;
  readonly terms: readonly string[];
  readonly kind: PassageKind;
}

/** A sentence or two of the repository, and where they are: `line` counts from 1. */
export interface Citation {
  readonly file: string;
  readonly line: number;
  readonly heading: string;
  readonly text: string;
}

/** What an analyst found, or why it could not look, on the topic of results. */
export interface Result {
  readonly task: string;
  readonly question: string;
  readonly aspect: Aspect;
  readonly analyst: string;
  readonly citations: readonly Citation[];
  readonly error?: string | undefined;
}

/** What the planner answers, and the gateway passes on. */
export interface Answer {
  readonly question: string;
  readonly text: string;
  readonly sources: readonly string[];
}

/** A setting that the desk hands to its agents; throws where it is missing. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set: start the desk with \`pnpm demo\``);
  return value;
}
