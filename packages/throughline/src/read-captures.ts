import { createReadStream } from 'node:fs';
import { printable } from '@throughline/verify';
import type { ChainChecker } from '@throughline/verify';
import { glob, isDynamicPattern } from 'tinyglobby';

/** What could not be read of several files. */
export interface Unread {
  /** How many spans had no valid ids or times. */
  readonly rejected: number;
  /** Why a file could not be read, or holds no spans that can be: a sentence each, with the fix. */
  readonly problems: readonly string[];
}

/** As much of a file is read at a time: most lines are in one piece then. */
const CHUNK = 1024 * 1024;

/**
 * Lets a checker read files, globs of them, and standard input where one is `-`. `tell` is called before each, with what is read.
 */
export async function readCaptures(
  checker: ChainChecker,
  files: readonly string[],
  stdin: AsyncIterable<Buffer | string>,
  tell: (what: string) => void,
): Promise<Unread> {
  const problems: string[] = [];
  let rejected = 0;
  const all = await expanded(files, problems);
  for (const [at, file] of all.entries()) {
    const name = file === '-' ? 'standard input' : printable(file);
    tell(`reads ${name}${all.length > 1 ? `, ${at + 1} of ${all.length} files` : ''}`);
    try {
      const read = await checker.read(file === '-' ? stdin : createReadStream(file, { highWaterMark: CHUNK }));
      rejected += read.rejected;
      if (read.malformed !== undefined) {
        problems.push(
          `${name} is not OTLP/JSON, nor Jaeger's or Zipkin's: ${read.malformed}. Export with the collector's file exporter, or with OTEL_EXPORTER_OTLP_PROTOCOL=http/json`,
        );
      }
    } catch (error) {
      problems.push(`${name} cannot be read: ${printable(error instanceof Error ? error.message : String(error))}`);
    }
  }
  return { rejected, problems };
}

async function expanded(files: readonly string[], problems: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const file of files) {
    if (file === '-' || !isDynamicPattern(file)) found.push(file);
    else {
      const matching = await glob(file);
      if (matching.length === 0) problems.push(`no file matches ${printable(file)}`);
      found.push(...matching.sort());
    }
  }
  return found;
}
