import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { CheckSource } from '../check.ts';
import type { ReportOptions } from '../report.ts';
import type { Register } from './command.ts';
import { whole } from './numbers.ts';
import { judging, listOf } from './judging-options.ts';

interface CheckOptions extends ReportOptions {
  readonly from?: URL;
  readonly service?: readonly string[];
  readonly lookback?: number;
  readonly traceId?: readonly string[];
}

export const registerCheck: Register = (program, surroundings, exit) => {
  const command = judging(program.command('check'))
    .description('Judges OpenTelemetry spans of any tracer, and names the boundary at which a chain broke.')
    .argument(
      '[files...]',
      'OTLP/JSON, one object or one a line; Jaeger JSON; Zipkin JSON; globs; - for standard input',
    )
    .option(
      '--from <jaeger=URL>',
      'asks a Jaeger that runs, instead of files; a URL of …/api/v3 asks for OTLP',
      jaegerUrl,
    )
    .option('--service <names>', 'with --from: whose traces, by commas (default: those of all)', listOf)
    .option('--lookback <time>', 'with --from: how far back, such as 90s, 30m, 2h or 1d (default: 1h)', duration)
    .option('--trace-id <ids>', 'with --from: these traces alone, by commas', traceIds)
    .option('--settle-ms <ms>', 'what ended less than so long before the last span is not said to miss anything', whole)
    .addHelpText('after', examples);
  command.action(async (files: string[], options: CheckOptions) => {
    const source = sourceOf(command, files, options);
    const { check } = await import('../check.ts');
    exit(await check(source, options, surroundings));
  });
};

function sourceOf(command: Command, files: readonly string[], options: CheckOptions): CheckSource {
  const { from, service, lookback, traceId } = options;
  if (from !== undefined && files.length === 0) {
    return { jaeger: { url: from, services: service, lookbackMs: lookback ?? HOUR_MS, traceIds: traceId } };
  }
  if (from === undefined && files.length > 0 && service === undefined && traceId === undefined) return { files };
  return command.error(
    from === undefined && files.length > 0
      ? 'error: --service and --trace-id are for --from; --services says what files should hold'
      : 'error: give either files, - for standard input, or --from jaeger=URL',
  );
}

function jaegerUrl(text: string): URL {
  const address = /^jaeger=(?<address>https?:\/\/.+)$/.exec(text)?.groups?.['address'];
  if (address === undefined || !URL.canParse(address)) {
    throw new InvalidArgumentError('It takes the address of a Jaeger, such as jaeger=http://localhost:16686.');
  }
  return new URL(address);
}

const HOUR_MS = 3_600_000;
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: HOUR_MS, d: 24 * HOUR_MS };

function duration(text: string): number {
  const { number, unit = '' } = /^(?<number>\d{1,6})(?<unit>[smhd])$/.exec(text)?.groups ?? {};
  const ms = Number(number) * (UNITS[unit] ?? 0);
  if (!(ms > 0)) throw new InvalidArgumentError('It takes a time such as 90s, 30m, 2h or 1d.');
  return ms;
}

function traceIds(text: string): string[] {
  const ids = listOf(text);
  if (ids.length === 0 || ids.some((id) => !/^[\da-f]{1,32}$/i.test(id))) {
    throw new InvalidArgumentError('It takes ids of traces in hex, by commas.');
  }
  return ids;
}

const examples = `
Examples:
  $ throughline check spans.json
  $ throughline check 'captures/*.jsonl' --services gateway,planner,analyst
  $ throughline check --from jaeger=http://localhost:16686 --service gateway --lookback 30m
  $ throughline check --from jaeger=http://localhost:16686 --trace-id 0af7651916cd43dd8448eb211c80319c
  $ docker logs collector | throughline check - --format junit > chains.xml

Exit codes: 0 sound, 1 broken, 2 cannot judge: no spans, or a source that cannot be read.`;
