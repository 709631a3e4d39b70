import { listed, ok, warning } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { directly } from '../project/project.ts';
import type { Check, Examined } from './check.ts';

// Each sets up tracer provider, propagator and context manager in one call.
const WHOLE: readonly { readonly name: string; readonly is: RegExp }[] = [
  { name: 'NodeSDK', is: /\bnew (?:\w+\.)?NodeSDK\(|\bstartNodeSd[kK]\(/i },
  { name: 'auto-instrumentations-node/register', is: /auto-instrumentations-node\/register/ },
  { name: '@vercel/otel', is: /\bregisterOTel\(/ },
  { name: '@sentry/node', is: /@sentry\/(?:node|nestjs|bun|aws-serverless)\b[^]*\binit\(/ },
  {
    name: '@traceloop/node-server-sdk',
    is: /\b(?:traceloop|\w+)\.initialize\(\s*\{[^}]*\b(?:appName|baseUrl|disableBatch)\b/,
  },
];
const PROVIDER = /\bnew (?:\w+\.)?(?:Basic|Node)?TracerProvider\(/;
/** NodeTracerProvider's, which registers the propagator and the context manager too, or core's. */
const REGISTERS = /\.register\(|\bregister\(\)/;

/** Tells from the sources what sets tracing up, and what it leaves out. Running it tells more: see `--import`. */
export const setUp: Check = (examined) => {
  const { sources, commands, settings, member } = examined;
  if (!usesOpenTelemetry(examined)) return [];
  const all = [...sources, ...commands, ...settings.map(({ name, value }) => ({ place: name, text: value }))];
  const whole = WHOLE.flatMap(({ name, is }) => {
    const found = all.find(({ text }) => is.test(text));
    return found === undefined ? [] : [{ name, place: found.place }];
  });
  if (whole.length > 1 && !sources.some(({ text }) => /skipOpenTelemetrySetup:\s*true/.test(text)))
    return [
      warning(
        'set-ups',
        `there are ${whole.length} set-ups: ${whole.map(({ name, place }) => `${name} in ${place}`).join(', ')}. The first one registers; the others' processors get no span`,
        whole.some(({ name }) => name === '@sentry/node')
          ? 'Sentry.init({ …, skipOpenTelemetrySetup: true }), and its span processor in your own SDK'
          : 'keep one, and give it the span processors of the others',
      ),
    ];
  const [one] = whole;
  if (one !== undefined)
    return [ok('set-up', `${one.name} in ${one.place} registers tracer provider, propagator and context manager`)];
  const made = sources.filter(({ text }) => PROVIDER.test(text));
  const [first] = made;
  if (first === undefined) {
    if (!member.manifest.isPrivate || directSdk(examined) === undefined) return [];
    return [
      ok('set-up', 'no source of this package sets OpenTelemetry up; `throughline doctor --import FILE` looks at one'),
    ];
  }
  if (made.some(({ text }) => REGISTERS.test(text)) || sources.some(({ text }) => /\bregister\(\)/.test(text)))
    return [ok('set-up', `the tracer provider in ${first.place} registers itself, a propagator and a context manager`)];
  return handMade(examined, first.place);
};

function handMade({ sources, copies }: Examined, place: string): Finding[] {
  const hasOurs = [...copies.keys()].some(({ name }) => name === '@throughline/core');
  if (!sources.some(({ text }) => text.includes('setGlobalTracerProvider')))
    return [ok('set-up', `the tracer provider in ${place} is not made the global one by a source of this package`)];
  const missing = [
    ['setGlobalPropagator', 'propagator', 'propagation.setGlobalPropagator(new W3CPropagator())'],
    [
      'setGlobalContextManager',
      'context manager',
      'context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())',
    ],
  ].filter(([call = '']) => !sources.some(({ text }) => text.includes(call)));
  if (missing.length === 0)
    return [ok('set-up', `tracer provider, propagator and context manager are registered beside ${place}`)];
  if (hasOurs && missing.length === 1 && missing[0]?.[1] === 'propagator')
    return [
      ok('set-up', `${place} registers no propagator: our packages carry W3C fields without one, others carry nothing`),
    ];
  return [
    warning(
      'set-up',
      `there is a tracer provider in ${place}, and no source registers ${listed(missing.map(([, what = '']) => `a ${what}`))}`,
      missing.map(([, , line]) => line).join('; '),
    ),
  ];
}

/** Looks whether what is batched is flushed before the process ends. */
export const flush: Check = ({ sources, commands }) => {
  const batches = sources.find(
    ({ text }) =>
      /\bBatchSpanProcessor\(/.test(text) || (/\bNodeSDK\(/.test(text) && !/SimpleSpanProcessor\(/.test(text)),
  );
  if (batches === undefined) return [];
  const flushes = [...sources, ...commands].find(({ text }) =>
    /\.(?:shutdown|forceFlush)\(|\bregisterOTel\(/.test(text),
  );
  if (flushes !== undefined) return [ok('flush', `${flushes.place} flushes what ${batches.place} batches`)];
  return [
    warning(
      'flush',
      `${batches.place} batches spans, and no source flushes them: the last five seconds are lost when the process ends`,
      "process.once('SIGTERM', () => sdk.shutdown().finally(() => process.exit(0)));",
    ),
  ];
};

function usesOpenTelemetry({ member }: Examined): boolean {
  return [...member.manifest.dependencies.keys(), ...member.manifest.devDependencies.keys()].some((name) =>
    /^@(opentelemetry|sentry|vercel\/otel|traceloop)/.test(name),
  );
}

function directSdk({ member }: Examined): unknown {
  return [
    '@opentelemetry/sdk-node',
    '@opentelemetry/sdk-trace-node',
    '@opentelemetry/sdk-trace',
    '@opentelemetry/sdk-trace-base',
  ]
    .map((name) => directly(member, name))
    .find((copy) => copy !== undefined && member.dependencies.has(copy.name));
}
