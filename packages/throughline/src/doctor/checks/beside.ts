import { lt } from 'semver';
import { install, listed, ok, warning } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { directCopies } from '../project/project.ts';
import type { Copy } from '../project/project.ts';
import type { Check, Examined } from './check.ts';

const AUTO = '@opentelemetry/auto-instrumentations-node';

/** Says what other instrumentation does beside ours: docs/BESIDE-INSTRUMENTATIONS.md measured it. */
export const beside: Check = (examined) => {
  const { member, copies } = examined;
  const direct = directCopies(member);
  const ours = [...copies.keys()].filter(({ name }) => name.startsWith('@throughline/'));
  const findings = direct.flatMap((copy) => OTHER_TRACERS[copy.name]?.(copy, examined) ?? []);
  if (ours.length === 0) return findings;
  const adapters = new Set(ours.map(({ name }) => name));
  findings.push(...tooOld(direct, adapters, examined), ...restarting(direct, adapters, examined));
  const noisy = noise(direct, adapters, examined);
  if (noisy.length > 0)
    findings.push(
      ok(
        'beside',
        `${listed(noisy)} only add noise beside ours: OTEL_NODE_DISABLED_INSTRUMENTATIONS=${noisy.join(',')} leaves them out`,
      ),
    );
  for (const { name } of direct) {
    const said = HARMLESS[name];
    if (said !== undefined) findings.push(ok('beside', said));
  }
  return findings;
};

const HARMLESS: Readonly<Record<string, string>> = {
  '@opentelemetry/instrumentation-undici':
    'instrumentation-undici is silent on calls of traceFetch and traceInterceptor',
  '@arizeai/openinference-instrumentation-mcp':
    'OpenInference for MCP: ours replaces what it injects, and its attributes stay',
  '@traceloop/instrumentation-mcp': 'Traceloop for MCP adds spans, and carries nothing',
};

type Told = (copy: Copy, examined: Examined) => Finding | undefined;

const secondTracer: Told = ({ name, version }, { copies, sources, commands, settings }) => {
  const texts = [...sources, ...commands, ...settings.map(({ value }) => ({ text: value }))].map(({ text }) => text);
  const isNamed = new RegExp(`['"\\s=]${name}(?:['"/\\s]|$)`);
  const isLoaded =
    sources.some(({ text }) => isNamed.test(text) && /\b(?:init|start)\(|import ['"]|newrelic/.test(text)) ||
    commands.some(({ text }) => isNamed.test(text)) ||
    settings.some(({ value }) => isNamed.test(value));
  // It is there for its metrics, or is OpenTelemetry's provider itself.
  const isQuiet = texts.some((text) =>
    /\bplugins:\s*false|\.TracerProvider\b|DD_TRACE_(?:ENABLED=false|OTEL_ENABLED=true)/.test(text),
  );
  if (!isLoaded || isQuiet || ![...copies.keys()].some((copy) => /^@opentelemetry\/sdk-(node|trace)/.test(copy.name)))
    return undefined;
  return warning(
    'beside',
    `${name} ${version} traces by itself beside OpenTelemetry: each writes headers of its own, and neither exports the other's spans`,
    `keep one of them: leave ${name} out of what starts this package, or the OpenTelemetry SDK`,
  );
};

const OTHER_TRACERS: Readonly<Record<string, Told>> = {
  'dd-trace': secondTracer,
  newrelic: secondTracer,
  'elastic-apm-node': secondTracer,
};

function tooOld(direct: readonly Copy[], adapters: ReadonlySet<string>, examined: Examined): Finding[] {
  if (!adapters.has('@throughline/express') || !restarts(examined)) return [];
  const least: Readonly<Record<string, string>> = {
    '@opentelemetry/instrumentation-express': '0.62.0',
    [AUTO]: '0.77.0',
  };
  return direct
    .filter(({ name, version }) => least[name] !== undefined && lt(version, least[name]))
    .map(({ name, version }) =>
      warning(
        'beside',
        `${name} ${version} makes a span of the caller's trace active again below a hop that restarts`,
        install(examined.project.packageManager, `${name}@latest`),
      ),
    );
}

function restarting(direct: readonly Copy[], adapters: ReadonlySet<string>, examined: Examined): Finding[] {
  const has = direct.some(({ name }) => name === AUTO || name === '@opentelemetry/instrumentation-http');
  const isOff = examined.sources.some(({ text }) => text.includes('disableIncomingRequestInstrumentation'));
  if (!has || isOff || !adapters.has('@throughline/express') || !restarts(examined)) return [];
  return [
    warning(
      'beside',
      "instrumentation-http opens a SERVER span in the caller's trace, beside ours in the new one",
      "'@opentelemetry/instrumentation-http': { disableIncomingRequestInstrumentation: true }",
    ),
  ];
}

function restarts({ sources }: Examined): boolean {
  return sources.some(({ text }) => /\bpublicEdge\b|['"]restart/.test(text));
}

function noise(direct: readonly Copy[], adapters: ReadonlySet<string>, { sources, settings }: Examined): string[] {
  const hasAll = direct.some(({ name }) => name === AUTO);
  const disabled = settings
    .filter(({ name }) => name === 'OTEL_NODE_DISABLED_INSTRUMENTATIONS')
    .flatMap(({ value }) => value.split(','));
  const chosen = settings.some(({ name }) => name === 'OTEL_NODE_ENABLED_INSTRUMENTATIONS');
  const candidates = [
    'net',
    'dns',
    ...(adapters.has('@throughline/express') ? ['router'] : []),
    ...(adapters.has('@throughline/kafkajs') ? ['kafkajs'] : []),
  ];
  return candidates.filter((name) => {
    const whole = `@opentelemetry/instrumentation-${name}`;
    if (direct.some((copy) => copy.name === whole)) return true;
    return hasAll && !chosen && !disabled.includes(name) && !sources.some(({ text }) => text.includes(whole));
  });
}
