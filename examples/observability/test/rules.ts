import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';

/** A rule of a file for Prometheus: what it records, or the alert that it is. */
export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Resolves with the rules of a file. */
export async function rulesIn(file: string): Promise<Rule[]> {
  const { groups } = parse(await readFile(file, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}
