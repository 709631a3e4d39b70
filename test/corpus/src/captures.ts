import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseSpans } from '@throughline/verify';
import type { CheckChainsOptions, CollectedSpan } from '@throughline/verify';

/** What is broken in a capture; `null` where it cannot be told, or does not apply. */
export interface Fault {
  readonly kind: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly transport: string | null;
  readonly over: string | null;
  readonly or?: readonly Fault[];
}

/** What is right to say of a capture. */
export interface Expected {
  readonly verdict: 'sound' | 'broken';
  readonly faults: readonly Fault[];
  readonly warnings?: readonly Pick<Fault, 'kind' | 'from' | 'to'>[];
  /** The services that the capture is meant to cover. */
  readonly captured?: readonly string[];
  /** What the capture is judged by, beside. */
  readonly options?: Pick<CheckChainsOptions, 'expect' | 'contract'>;
  /** What one chain holds hangs on the others, so that none may be left out: a cache remembers. */
  readonly whole?: boolean;
  /** Little in the spans tells. */
  readonly hard?: boolean;
}

export interface Capture {
  readonly name: string;
  /** The file as it was exported. */
  readonly file: Buffer;
  readonly spans: readonly CollectedSpan[];
  readonly expected: Expected;
}

const folder = join(import.meta.dirname, '../captures');

/** Every capture of the corpus. */
export const captures: readonly Capture[] = globSync('*/expect.json', { cwd: folder })
  .sort()
  .map((file) => {
    const name = dirname(file);
    const expected = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Expected;
    const content = readFileSync(join(folder, name, 'spans.json'));
    const { spans } = parseSpans(content.toString('utf8'));
    return { name, file: content, spans, expected };
  });
