import { createHash } from 'node:crypto';
import { guarded } from '@throughline/core/adapter';

/**
 * Returns a short digest of a value: equal for equal JSON, whatever the order of its keys. It tells values apart without saying what they are.
 * `undefined` where the value has none. Never throws.
 */
export function digestOf(value: unknown): string | undefined {
  let digest: string | undefined;
  guarded('content', () => {
    const text = typeof value === 'string' ? value : JSON.stringify(value, inOrder);
    if (text !== undefined) digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  });
  return digest;
}

function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
