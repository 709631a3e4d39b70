/** The shop's database: orders, and the outbox of what others are to be told of them. */
import { DatabaseSync } from 'node:sqlite';

/** A message that waits to be sent. */
export interface OutboxRow {
  readonly id: number;
  readonly value: string;
  /** Message headers, as JSON: the trace context of whoever wrote the row is in them. */
  readonly headers: string;
}

export interface Shop {
  /** Writes the order and its message in one transaction: both are there, or neither. */
  order(value: string, headers: Readonly<Record<string, unknown>>): void;
  unsent(): readonly OutboxRow[];
  sent(rows: readonly OutboxRow[]): void;
}

export function openShop(path: string): Shop {
  const db = new DatabaseSync(path);
  db.exec(`CREATE TABLE IF NOT EXISTS orders (value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, value TEXT NOT NULL, headers TEXT NOT NULL)`);
  const insertOrder = db.prepare('INSERT INTO orders (value) VALUES (?)');
  const insertMessage = db.prepare('INSERT INTO outbox (value, headers) VALUES (?, ?)');
  const unsent = db.prepare('SELECT id, value, headers FROM outbox ORDER BY id');
  const remove = db.prepare('DELETE FROM outbox WHERE id = ?');
  return {
    order(value, headers) {
      db.exec('BEGIN');
      insertOrder.run(value);
      insertMessage.run(value, JSON.stringify(headers));
      db.exec('COMMIT');
    },
    unsent: () => unsent.all() as unknown as OutboxRow[],
    sent: (rows) => rows.forEach(({ id }) => remove.run(id)),
  };
}
