/** The library's shelf: what the repository says about itself, searchable, in SQLite. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { Hit } from './desk.ts';
import type { PassageKind } from './desk.ts';
import { cutPassages } from './passages.ts';

/** How the shelf stands after indexing. */
export interface ShelfCount {
  readonly files: number;
  readonly passages: number;
  /** Files that were new or had changed. */
  readonly changed: number;
}

export interface Shelf extends Disposable {
  /** Takes in what is new or has changed, and drops what is gone. */
  index(): ShelfCount;
  /** At most `limit` passages of a kind, those that match most of the words first; headings count more than text. */
  search(words: readonly string[], kind: PassageKind, limit: number): Hit[];
}

const Count = z.object({ files: z.number(), passages: z.number() });

/** Opens a shelf for the files under `root`, in a temporary database that SQLite removes by itself. */
export function openShelf(root: string): Shelf {
  const database = new DatabaseSync('');
  database.exec(`
    CREATE TABLE files (path TEXT PRIMARY KEY, stamp TEXT NOT NULL);
    CREATE VIRTUAL TABLE passages USING fts5 (
      file UNINDEXED, line UNINDEXED, last UNINDEXED, kind UNINDEXED, heading, text,
      tokenize = 'porter unicode61'
    );
  `);
  const paths = database.prepare('SELECT path FROM files');
  const stampOf = database.prepare('SELECT stamp FROM files WHERE path = ?');
  const remember = database.prepare('INSERT OR REPLACE INTO files VALUES (?, ?)');
  const forget = database.prepare('DELETE FROM files WHERE path = ?');
  const drop = database.prepare('DELETE FROM passages WHERE file = ?');
  const add = database.prepare('INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?)');
  const count = database.prepare(
    'SELECT (SELECT count(*) FROM files) AS files, (SELECT count(*) FROM passages) AS passages',
  );
  const find = database.prepare(`
    WITH matches AS MATERIALIZED (
      SELECT passages.rowid AS id, bm25(passages, 0, 0, 0, 0, 2, 1) AS distance
      FROM json_each(?) AS word JOIN passages ON passages MATCH word.value
    )
    SELECT file, line, last, kind, heading FROM matches JOIN passages ON passages.rowid = id
    WHERE kind = ? GROUP BY id ORDER BY count(*) DESC, sum(distance), file, line LIMIT ?
  `);

  const index = (): ShelfCount => {
    let changed = 0;
    const gone = new Set(paths.all().map(({ path }) => String(path)));
    for (const path of documents(root)) {
      gone.delete(path);
      const { stamp, content } = read(join(root, path), stampOf.get(path)?.['stamp']);
      if (content === undefined) continue;
      changed++;
      drop.run(path);
      for (const { line, last, kind, heading, text } of cutPassages(path, content)) {
        add.run(path, line, last, kind, heading, text);
      }
      remember.run(path, stamp);
    }
    for (const path of gone) {
      drop.run(path);
      forget.run(path);
    }
    return { ...Count.parse(count.get()), changed };
  };

  return {
    index: () => {
      database.exec('BEGIN');
      try {
        const counted = index();
        database.exec('COMMIT');
        return counted;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
    search: (words, kind, limit) => {
      const queries = words.map((word) => `"${word.replaceAll('"', '""')}"${word.length > 3 ? ' *' : ''}`);
      return find.all(JSON.stringify(queries), kind, limit).map((row) => Hit.parse(row));
    },
    [Symbol.dispose]: () => database.close(),
  };
}

/** A file's stamp, and its content unless `known` is that stamp or the file has gone since it was listed. */
function read(path: string, known: unknown): { stamp: string; content?: string } {
  const stats = statSync(path, { throwIfNoEntry: false });
  const stamp = `${stats?.mtimeMs} ${stats?.size}`;
  if (stats === undefined || stamp === known) return { stamp };
  try {
    return { stamp, content: readFileSync(path, 'utf8') };
  } catch {
    return { stamp };
  }
}

/** Paths under `root`, with `/`, of Markdown and TypeScript that people wrote. */
function* documents(root: string, folder = ''): Generator<string> {
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules' || entry.name === 'dist') continue;
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* documents(root, path);
    else if (entry.isFile() && /\.(md|ts)$/.test(entry.name)) yield path;
  }
}
