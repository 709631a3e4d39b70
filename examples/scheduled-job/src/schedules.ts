/** The schedules: a table that outlives every process. */
import { DatabaseSync } from 'node:sqlite';

export interface Schedule {
  readonly name: string;
  /** The trace context of whoever made it, as `saveTrace` wrote it: once, and the same for every run. */
  readonly handle: string;
}

export interface Schedules {
  add(schedule: Schedule): void;
  all(): readonly Schedule[];
}

export function openSchedules(path: string): Schedules {
  const db = new DatabaseSync(path);
  db.exec('CREATE TABLE IF NOT EXISTS schedules (name TEXT PRIMARY KEY, handle TEXT NOT NULL)');
  const insert = db.prepare('INSERT INTO schedules (name, handle) VALUES (?, ?)');
  const all = db.prepare('SELECT name, handle FROM schedules');
  return {
    add: ({ name, handle }) => void insert.run(name, handle),
    all: () => all.all() as unknown as Schedule[],
  };
}
