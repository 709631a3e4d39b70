import { symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FindingCode } from '../../src/doctor/finding.ts';
import { coded, doctor, findings, TemporaryProject } from './project.ts';

const dependencies = {
  '@opentelemetry/api': '*',
  '@opentelemetry/context-async-hooks': '*',
  '@opentelemetry/core': '*',
  '@opentelemetry/exporter-trace-otlp-http': '*',
  '@opentelemetry/sdk-trace': '*',
};

/** A program on the packages that this one is tested with. */
function program(files: Readonly<Record<string, string>>): TemporaryProject {
  const project = new TemporaryProject({
    'package.json': { name: 'shop', private: true, type: 'module', dependencies },
    ...files,
  });
  symlinkSync(join(import.meta.dirname, '../../node_modules'), join(project.folder, 'node_modules'));
  return project;
}

const imports = `
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { AlwaysOffSampler, BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
`;
const parts = {
  provider:
    'const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })] });\ntrace.setGlobalTracerProvider(provider);',
  manager: 'context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());',
  propagator:
    'propagation.setGlobalPropagator(new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }));',
  signal: "process.once('SIGTERM', () => provider.shutdown().finally(() => process.exit(0)));",
  end: "process.once('beforeExit', () => provider.shutdown());",
};

/** The set-up, with parts of it replaced. */
function telemetry(replaced: Partial<typeof parts> = {}): string {
  return imports + Object.values({ ...parts, ...replaced }).join('\n');
}

async function lookAt(text: string): Promise<Map<FindingCode, string>> {
  using project = program({ 'telemetry.js': text });
  const found = await findings([project.folder, '--import', './telemetry.js', '--wait', '1500']);
  return new Map(found.map(({ code, status, message }) => [code, `${status}: ${message}`]));
}

describe('throughline doctor --import', { timeout: 60_000 }, () => {
  it('says what a whole set-up registers', async () => {
    const found = await lookAt(telemetry());
    expect(Object.fromEntries(found)).toMatchObject({
      records: 'ok: TracerProvider records; instrumentations patch nothing',
      exporter: 'ok: BatchSpanProcessor → OTLPTraceExporter → http://localhost:4318/v1/traces',
      'context-manager': 'ok: the active context survives an await',
      propagator: 'ok: it writes traceparent, baggage',
      flush: 'ok: what is batched is flushed at SIGTERM and the end of the program',
    });
    expect(found.has('set-up')).toBe(false);
  });

  it.each<[string, Partial<typeof parts>, FindingCode, RegExp]>([
    ['a context manager', { manager: '' }, 'context-manager', /^error: no context manager is registered/],
    [
      'one that holds across await',
      {
        manager:
          'context.setGlobalContextManager({ active: () => now, with(next, fn) { const before = now; now = next; try { return fn(); } finally { now = before; } }, bind: (_, fn) => fn, enable() { return this; }, disable() { return this; } }); let now = (await import("@opentelemetry/api")).ROOT_CONTEXT;',
      },
      'context-manager',
      /^error: the context manager loses the active context at an await/,
    ],
    ['a propagator', { propagator: '' }, 'propagator', /^error: none is registered/],
    [
      'baggage',
      { propagator: 'propagation.setGlobalPropagator(new W3CTraceContextPropagator());' },
      'propagator',
      /^warning: it writes traceparent, and no baggage/,
    ],
    [
      'traceparent',
      { propagator: 'propagation.setGlobalPropagator(new W3CBaggagePropagator());' },
      'propagator',
      /^error: it writes baggage, and no traceparent/,
    ],
    ['a provider', { provider: '', signal: '', end: '' }, 'records', /^error: no tracer provider/],
    [
      'a sampler that keeps anything',
      { provider: parts.provider.replace('{ spanP', '{ sampler: new AlwaysOffSampler(), spanP') },
      'records',
      /^error: TracerProvider is registered, and records no span/,
    ],
    [
      'a processor',
      { provider: parts.provider.replace(/\[.*\]/, '[]') },
      'exporter',
      /^error: the tracer provider has no span processor/,
    ],
    ['any flush', { signal: '', end: '' }, 'flush', /^error: what is batched is not flushed at SIGTERM nor at the end/],
  ])('says what lacks: %s', async (_, replaced, code, message) => {
    expect((await lookAt(telemetry(replaced))).get(code)).toMatch(message);
  });

  it('looks whether a flush at SIGTERM is one at the end too', async () => {
    using project = program({
      'telemetry.js': telemetry({
        end: '',
        signal: parts.signal.replaceAll('shutdown', "['shut' + 'down']").replace('.[', '['),
      }),
    });
    const found = await findings([project.folder, '--import', './telemetry.js']);
    expect(coded(found, 'flush')).toMatchObject([
      { status: 'warning', message: expect.stringMatching(/flushed at SIGTERM, and lost at the end/) },
    ]);
  });

  it('leaves the flush to the program where its sources have it', async () => {
    using project = program({
      'telemetry.js': telemetry({ signal: '', end: '' }),
      'server.js': "import '@opentelemetry/api';\nawait provider.shutdown();\n",
    });
    const found = await findings([project.folder, '--import', './telemetry.js']);
    expect(coded(found, 'flush')).toMatchObject([{ status: 'ok', message: expect.stringContaining('server.js') }]);
  });

  it('says why a set-up fails, and that one registers nothing', async () => {
    expect((await lookAt("throw new TypeError('no collector is named');")).get('set-up')).toMatch(
      /^error: what was run ended with 1: TypeError: no collector is named/,
    );
    expect((await lookAt('export {};')).get('set-up')).toMatch(/^error: what was run registers nothing/);
  });

  it('waits for a set-up that registers later', async () => {
    const later = `${imports}\nawait new Promise((resolve) => setTimeout(resolve, 300));\n${Object.values(parts).join('\n')}`;
    expect((await lookAt(later)).get('records')).toMatch(/^ok/);
  });

  it('exports no span of its own', async () => {
    const bodies: string[] = [];
    const collector = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on('end', () => response.end('{}'));
    }).listen(0, '127.0.0.1');
    await once(collector, 'listening');
    try {
      const url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}/v1/traces`;
      const own = "trace.getTracer('own').startSpan('of the program').end();";
      const text = telemetry({
        provider: parts.provider.replace('OTLPTraceExporter()', `OTLPTraceExporter({ url: '${url}' })`),
      });
      expect((await lookAt(text + own)).get('exporter')).toContain(url);
      expect(bodies.join('')).toContain('of the program');
      expect(bodies.join('')).not.toContain('throughline doctor');
    } finally {
      collector.close();
    }
  });
});

describe('throughline doctor --run', { timeout: 60_000 }, () => {
  const server =
    "import { createServer } from 'node:http';\nconst server = createServer().listen(0, '127.0.0.1');\nprocess.once('SIGTERM', () => server.close());\n";

  /** As a shell does, in the folder. */
  const run = async (project: TemporaryProject, ...command: string[]): Promise<Map<FindingCode, string>> => {
    const before = process.cwd();
    process.chdir(project.folder);
    try {
      const found = await findings(['--run', '--wait', '1500', '--', ...command]);
      return new Map(found.map(({ code, status, message }) => [code, `${status}: ${message}`]));
    } finally {
      process.chdir(before);
    }
  };

  it('looks into a server that its command starts by another, and ends both', async () => {
    using project = program({
      'telemetry.js': telemetry(),
      'server.js': server,
      'start.js':
        "import { spawn } from 'node:child_process';\nspawn(process.execPath, ['--import', './telemetry.js', 'server.js'], { stdio: 'inherit' });\n",
    });
    const found = await run(project, process.execPath, 'start.js');
    expect(found.get('records')).toMatch(/^ok/);
    expect(found.get('propagator')).toBe('ok: it writes traceparent, baggage');
    expect(found.get('flush')).toBe('ok: what is batched is flushed at SIGTERM');
  });

  it('gives up on a server that registers nothing, and ends it', async () => {
    using project = program({ 'server.js': server });
    const began = Date.now();
    const found = await run(project, process.execPath, 'server.js');
    expect(found.get('set-up')).toMatch(/^error: what was run registers nothing/);
    expect(Date.now() - began).toBeLessThan(30_000);
  });

  it('looks at a script as it ends', async () => {
    using project = program({ 'telemetry.js': telemetry({ signal: '', end: '' }), 'job.js': 'export {};' });
    const found = await run(project, process.execPath, '--import', './telemetry.js', 'job.js');
    expect(found.get('records')).toMatch(/^ok/);
    expect(found.get('flush')).toMatch(/^error: what is batched is not flushed at the end of the program/);
  });

  it('says of a command that cannot be run so', async () => {
    using project = program({});
    const before = process.cwd();
    process.chdir(project.folder);
    try {
      expect(await doctor(['--run', '--', 'no-such-command'])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('no-such-command'),
      });
    } finally {
      process.chdir(before);
    }
  });
});
