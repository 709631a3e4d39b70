import { linesOf } from '../lines.ts';
import type { Line } from '../lines.ts';
import { walkOtlpJson } from '../otlp-walk.ts';
import type { Unread } from '../otlp-walk.ts';
import { otherThanOtlp, parseSpans } from '../parse-spans.ts';
import { serviceOf } from '../span.ts';
import type { CollectedSpan } from '../span.ts';
import { judge } from './check-chains.ts';
import type { ChainReport } from './check-chains.ts';
import { draftOfOtlp } from './columns/draft-of-otlp.ts';
import { SpanColumns } from './columns/span-columns.ts';
import { SpanDraft } from './columns/span-draft.ts';
import type { CheckChainsOptions } from './options.ts';

/** A value that is written over many lines is read as a whole up to so many characters; what is longer has to be lines. */
const MAX_VALUE = 256 * 1024 * 1024;

/** What could not be read of a capture. */
export interface ReadCapture {
  /** How many spans have no valid ids or times. */
  readonly rejected: number;
  /** Why the capture, or a line of it, is nothing that can be read; absent when all of it is. */
  readonly malformed?: string;
}

/**
 * Judges captures of any size: spans are taken in as they come, and of each some hundred bytes are kept.
 *
 * @example
 * ```ts
 * const checker = new ChainChecker();
 * await checker.read(createReadStream('traces.jsonl'));
 * const report = checker.report({ services: ['planner', 'analyst'] });
 * ```
 */
export class ChainChecker {
  readonly #columns = new SpanColumns();
  readonly #draft = new SpanDraft();

  /** Takes spans in. */
  add(spans: Iterable<CollectedSpan>): void {
    for (const span of spans) this.#columns.add(span);
  }

  /**
   * Takes a file or another stream in: OTLP/JSON as one object or one a line, as the collector's file exporter writes, or Jaeger's or
   * Zipkin's JSON. A file of lines may be of any size. Returns what could not be read; what the stream itself fails with is thrown.
   */
  async read(chunks: AsyncIterable<Uint8Array | string>): Promise<ReadCapture> {
    const into: Unread = { rejected: 0 };
    /** The lines so far, while they may be one value that is written over many. */
    let pending: string[] | undefined;
    let length = 0;
    for await (const line of linesOf(chunks)) {
      if (pending === undefined && (line.number > 1 || isValue(line))) this.#takeLine(line, into);
      else {
        pending ??= [];
        pending.push(line.text ?? '');
        length += line.text?.length ?? 0;
        if (length < MAX_VALUE) continue;
        for (const [nth, text] of pending.entries()) this.#takeLine({ number: nth + 1, text }, into);
        pending = undefined;
      }
    }
    if (pending !== undefined) this.#takeText(pending.join('\n'), into);
    this.#columns.unreadable += into.rejected;
    return into;
  }

  /** Returns what {@link checkChains} says of all that was taken in. */
  report(options: CheckChainsOptions = {}): ChainReport {
    return judge(this.#columns, options);
  }

  #takeLine({ number, text }: Line, into: Unread): void {
    if (text === undefined) into.malformed ??= `line ${number} is longer than a text can be: write one export a line`;
    else if (text.trim() !== '') {
      try {
        this.#takeValue(JSON.parse(text), `line ${number}`, into);
      } catch {
        into.malformed ??= `line ${number} is not JSON`;
      }
    }
  }

  #takeText(text: string, into: Unread): void {
    const { spans, rejected, malformed } = parseSpans(text);
    this.add(spans);
    into.rejected += rejected;
    if (malformed !== undefined) into.malformed ??= malformed;
  }

  #takeValue(value: unknown, where: string, into: Unread): void {
    const other = otherThanOtlp(value);
    if (other !== undefined) {
      this.add(other.spans);
      into.rejected += other.rejected;
      return;
    }
    let resource: unknown;
    let service = '';
    walkOtlpJson(value, where, into, (span, group) => {
      if (group.resource !== resource) {
        ({ resource } = group);
        service = serviceOf(group.resource);
      }
      const isSpan = draftOfOtlp(this.#draft, span, service, group);
      if (isSpan) this.#columns.take(this.#draft);
      return isSpan;
    });
  }
}

function isValue({ text }: Line): boolean {
  if (text === undefined) return true;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
