import type { Found } from './report.ts';

const KEPT = 5;

/** Counts, and keeps the first few: a fault that comes with every request must not fill the memory that is being watched. */
export class Finds implements Found {
  readonly first: string[] = [];
  count = 0;

  add(what: string): void {
    this.count++;
    if (this.first.length < KEPT) this.first.push(what);
  }
}
