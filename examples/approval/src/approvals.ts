/** What waits for a yes: a table that outlives every process. */
import { DatabaseSync } from 'node:sqlite';

export interface Approval {
  readonly id: number;
  readonly what: string;
  /** The trace context of whoever asked, as `saveTrace` wrote it. */
  readonly handle: string;
}

export interface Approvals {
  ask(what: string, handle: string): void;
  /** Says yes to all that wait. */
  approveAll(): void;
  /** Takes one that was approved; `undefined` where there is none. It is given out once. */
  take(): Approval | undefined;
}

export function openApprovals(path: string): Approvals {
  const db = new DatabaseSync(path);
  db.exec(`CREATE TABLE IF NOT EXISTS approvals (
    id INTEGER PRIMARY KEY, what TEXT NOT NULL, handle TEXT NOT NULL, approved INTEGER NOT NULL DEFAULT 0)`);
  const insert = db.prepare('INSERT INTO approvals (what, handle) VALUES (?, ?)');
  const approve = db.prepare('UPDATE approvals SET approved = 1');
  const take = db.prepare(`DELETE FROM approvals WHERE id = (SELECT min(id) FROM approvals WHERE approved = 1)
    RETURNING id, what, handle`);
  return {
    ask: (what, handle) => void insert.run(what, handle),
    approveAll: () => void approve.run(),
    take: () => take.get() as unknown as Approval | undefined,
  };
}
