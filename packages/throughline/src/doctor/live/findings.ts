import { ADAPTED, LOADER } from '../checks/esm.ts';
import type { Examined } from '../checks/check.ts';
import { error, listed, ok, override, warning } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { API, directly } from '../project/project.ts';
import type { Inspected } from './report.ts';
import type { ProbeRun } from './run-probe.ts';

/** Whether what is batched was flushed: when told to end, and when it had nothing left to do. */
export interface Flushes {
  readonly atSignal?: boolean;
  readonly atEnd?: boolean;
}

/** Returns what a run with the probe says. `read` is what the sources say. */
export function liveFindings(examined: Examined, run: ProbeRun, flushes: Flushes, read: readonly Finding[]): Finding[] {
  if (run.processes.length === 0) return [nothing(run)];
  const findings = run.processes.flatMap((process) => [
    ...records(process),
    ...exporters(process),
    contextManager(process),
    propagator(process, examined),
    ...copies(process, examined),
    ...unpatched(process, examined),
  ]);
  findings.push(...flushed(run, flushes, read));
  // Several processes of one command say the same.
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}

function nothing({ exitCode, endedItself, stderr }: ProbeRun): Finding {
  const lines = stderr.split('\n').map((line) => line.trim());
  const why = lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.findLast((line) => line !== '');
  if (endedItself && exitCode !== 0)
    return error(
      'set-up',
      `what was run ended with ${exitCode}: ${why ?? 'it wrote nothing'}`,
      'run it by itself, and mend that first',
    );
  return error(
    'set-up',
    "what was run registers nothing with OpenTelemetry's api",
    'sdk.start(), in the file that --import names; or a longer --wait',
  );
}

function records({ provider, patchedModules, libraries }: Inspected): Finding[] {
  if (provider === undefined)
    return [
      error(
        'records',
        'no tracer provider is registered: no span is recorded',
        'trace.setGlobalTracerProvider(provider)',
      ),
    ];
  const { name, recorded, started } = provider;
  if (recorded === 0)
    return [
      error(
        'records',
        `${name} is registered, and records no span: its sampler drops all`,
        'sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() })',
      ),
    ];
  const share = recorded === started ? 'records' : `records ${recorded} of ${started} traces that begin here`;
  const active = [...patchedModules, ...libraries.filter(({ isPatched }) => isPatched).map(({ name }) => name)];
  return [
    ok('records', `${name} ${share}; instrumentations patch ${active.length === 0 ? 'nothing' : listed(active)}`),
  ];
}

function exporters({ provider }: Inspected): Finding[] {
  const processors = provider?.processors;
  if (processors === undefined) return [];
  if (processors.length === 0)
    return [
      error(
        'exporter',
        'the tracer provider has no span processor: no span is exported',
        'spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })]',
      ),
    ];
  const said = processors.map(({ name, exporter, endpoint }) =>
    [name, ...(exporter === undefined ? [] : [exporter]), ...(endpoint === undefined ? [] : [endpoint])].join(' → '),
  );
  return [ok('exporter', said.join('; '))];
}

function contextManager({ context }: Inspected): Finding {
  if (context.isRegistered && context.survivesAwait)
    return ok('context-manager', 'the active context survives an await');
  return error(
    'context-manager',
    context.isRegistered
      ? 'the context manager loses the active context at an await: what comes after it starts a trace'
      : 'no context manager is registered: no span has a parent, and nothing is sent on',
    'context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())',
  );
}

function propagator({ fields, injected }: Inspected, { copies }: Examined): Finding {
  const hasOurs = [...copies.keys()].some(({ name }) => name === '@throughline/core');
  const fix = 'propagation.setGlobalPropagator(new W3CPropagator())';
  if (fields.length === 0)
    return hasOurs
      ? ok('propagator', 'none is registered: our packages carry W3C fields without one, others carry nothing')
      : error('propagator', 'none is registered: nothing is sent on, and nothing is read', fix);
  // Without a context manager there is no context to try it with.
  const writes = injected.length > 0 ? injected : fields;
  const written = writes.join(', ');
  if (!writes.includes('traceparent'))
    return error('propagator', `it writes ${written}, and no traceparent: who reads W3C fields starts a trace`, fix);
  if (!writes.includes('baggage'))
    return warning(
      'propagator',
      `it writes ${written}, and no baggage: neither it nor the lineage of a chain travels`,
      fix,
    );
  return ok('propagator', `it writes ${written}`);
}

function copies({ copies, api }: Inspected, { project, member }: Examined): Finding[] {
  const blind = copies.filter(({ reaches }) => !reaches);
  if (copies.length === 0 || api === undefined) return [];
  if (blind.length === 0)
    return copies.length === 1
      ? []
      : [ok('api-copies', `all ${copies.length} copies of ${API} reach the tracer provider`)];
  return [
    error(
      'api-copies',
      `the copy of ${API} in ${blind.map(({ place }) => place).join(', ')} does not see what is registered with ${api}: its spans record nothing, without an error`,
      override(project.packageManager, API, api, directly(member, API) !== undefined),
    ),
  ];
}

function unpatched({ libraries }: Inspected, { copies }: Examined): Finding[] {
  const names = new Set([...copies.keys()].map(({ name }) => name));
  const missed = libraries.filter(({ name, isPatched }) => !isPatched && !names.has(ADAPTED[name] ?? ''));
  if (missed.length === 0) return [];
  return [
    error(
      'esm',
      `instrumentations are on for ${listed(missed.map(({ name }) => name))}, and do not patch what the program imports: it has no loader hook`,
      LOADER,
    ),
  ];
}

function flushed({ processes }: ProbeRun, { atSignal, atEnd }: Flushes, read: readonly Finding[]): Finding[] {
  const batches = processes.some(({ provider }) => provider?.processors?.some(({ name }) => name.startsWith('Batch')));
  if (!batches) return [];
  const fix = "process.once('SIGTERM', () => sdk.shutdown().finally(() => process.exit(0)));";
  const seen = [...(atSignal === true ? ['SIGTERM'] : []), ...(atEnd === true ? ['the end of the program'] : [])];
  const missed = [...(atSignal === false ? ['SIGTERM'] : []), ...(atEnd === false ? ['the end of the program'] : [])];
  if (missed.length === 0) return [ok('flush', `what is batched is flushed at ${seen.join(' and ')}`)];
  const elsewhere = read.find(({ code, status }) => code === 'flush' && status === 'ok');
  // The program may do what its set-up leaves to it.
  if (elsewhere !== undefined && atSignal !== undefined && atEnd !== undefined) return [elsewhere];
  if (seen.length > 0)
    return [warning('flush', `what is batched is flushed at ${seen.join('')}, and lost at ${missed.join('')}`, fix)];
  return [
    error(
      'flush',
      `what is batched is not flushed at ${missed.join(' nor at ')}: the last five seconds of spans are lost`,
      fix,
    ),
  ];
}
