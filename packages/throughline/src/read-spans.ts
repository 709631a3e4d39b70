import { readFile } from 'node:fs/promises';
import { parseSpans } from '@throughline/verify';
import type { CollectedSpan } from '@throughline/verify';
import { glob, isDynamicPattern } from 'tinyglobby';

/** The spans of several files. */
export interface ReadSpans {
  readonly spans: readonly CollectedSpan[];
  /** How many spans had no valid ids or times. */
  readonly rejected: number;
  /** Why a file could not be read, or holds no spans that can be: a sentence each, with the fix. */
  readonly problems: readonly string[];
}

/**
 * Reads OTLP/JSON, Jaeger's and Zipkin's out of files, globs of them, and standard input where one is `-`. `tell` is called before each, with
 * what is read.
 */
export async function readSpans(
  files: readonly string[],
  stdin: AsyncIterable<Buffer | string>,
  tell: (what: string) => void,
): Promise<ReadSpans> {
  const spans: CollectedSpan[] = [];
  const problems: string[] = [];
  let rejected = 0;
  const all = await expanded(files, problems);
  for (const [at, file] of all.entries()) {
    const name = file === '-' ? 'standard input' : file;
    tell(`reads ${name}${all.length > 1 ? `, ${at + 1} of ${all.length} files` : ''}`);
    let content: string;
    try {
      content = file === '-' ? await wholeOf(stdin) : await readFile(file, 'utf8');
    } catch (error) {
      problems.push(`${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    const parsed = parseSpans(content);
    rejected += parsed.rejected;
    for (const span of parsed.spans) spans.push(span);
    if (parsed.malformed !== undefined) {
      problems.push(
        `${name} is not OTLP/JSON, nor Jaeger's or Zipkin's: ${parsed.malformed}. Export with the collector's file exporter, or with OTEL_EXPORTER_OTLP_PROTOCOL=http/json`,
      );
    }
  }
  return { spans, rejected, problems };
}

async function expanded(files: readonly string[], problems: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    if (file === '-' || !isDynamicPattern(file)) found.push(file);
    else {
      const matching = await glob(file);
      if (matching.length === 0) problems.push(`no file matches ${file}`);
      found.push(...matching.sort());
    }
  }
  return found;
}

async function wholeOf(stream: AsyncIterable<Buffer | string>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
