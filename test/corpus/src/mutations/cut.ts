import { parseSpans } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { without } from './drops.ts';
import { familyOf, idOf } from './family.ts';
import type { Mutated } from './mutation.ts';

/** A file that was cut, as it was read and as it is to be judged. */
export interface Cut {
  /** What was read wrong; nothing, where it was read right. */
  readonly problems: readonly string[];
  readonly mutated: Mutated;
}

/** Cuts a file of OTLP/JSON, one object a line, and reads it. What stands on whole lines is kept, and the rest is said to be malformed. */
export function cutAt(file: Buffer, spans: readonly CollectedSpan[], at: number): Cut {
  const text = file.subarray(0, at).toString('utf8');
  const problems: string[] = [];
  const read = parseSpans(text);
  const known = new Set(spans.map(idOf));
  const found = new Set(read.spans.map(idOf));
  for (const id of found) if (!known.has(id)) problems.push(`${id} is read, and is not in the file`);
  const lines = text.split('\n');
  for (const line of lines.slice(0, -1)) {
    // Of a capture whose ids are no ids, the whole file has no such spans either.
    for (const id of idsIn(line))
      if (known.has(id) && !found.has(id)) problems.push(`${id} is on a whole line, and is not read`);
  }
  const rest = lines.at(-1) ?? '';
  const isBroken = rest.trim() !== '' && !isJson(rest);
  if (isBroken !== (read.malformed !== undefined))
    problems.push(`the end is ${JSON.stringify(rest.slice(-20))}, and malformed ${read.malformed}`);
  const lost = spans.map(idOf).filter((id) => !found.has(id));
  return { problems, mutated: without(familyOf(spans), new Set(lost)) };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The ids of a line that has no other fields of these names: of a span, ids come in this order. */
function idsIn(line: string): string[] {
  const ids: string[] = [];
  JSON.parse(line, (_key, value: unknown) => {
    const span = value as { traceId?: unknown; spanId?: unknown; name?: unknown } | null;
    if (typeof span?.traceId === 'string' && typeof span.spanId === 'string' && typeof span.name === 'string') {
      ids.push(`${span.traceId}/${span.spanId}`);
    }
    return value;
  });
  return ids;
}
