import { error, ok, warning } from '../finding.ts';
import type { Finding } from '../finding.ts';
import type { Setting } from '../project/sources.ts';
import type { Check, Examined } from './check.ts';

type Judge = (setting: Setting, examined: Examined) => Finding | undefined;

/** Looks for variables that turn tracing off, split it, or contradict each other. */
export const environment: Check = (examined) => {
  const settings = examined.settings.filter(({ name, value }) => name.startsWith('OTEL_') && !value.includes('$'));
  if (settings.length === 0) return [];
  const findings = settings.flatMap((setting) => JUDGES[setting.name]?.(setting, examined) ?? []);
  if (findings.length > 0) return findings;
  return [ok('environment', `nothing is wrong with ${[...new Set(settings.map(({ name }) => name))].join(', ')}`)];
};

const said = ({ name, value, from }: Setting): string => `${name}=${value} in ${from}`;

const disabled: Judge = (setting) =>
  setting.value.trim().toLowerCase() === 'true'
    ? error('environment', `${said(setting)} turns OpenTelemetry off`, `unset ${setting.name}`)
    : undefined;

const exporter: Judge = (setting) =>
  setting.value.split(',').some((one) => one.trim() === 'none')
    ? error('environment', `${said(setting)} has no span leave the process`, 'OTEL_TRACES_EXPORTER=otlp')
    : undefined;

const sampler: Judge = (setting) => {
  const { value } = setting;
  if (value === 'always_off' || value === 'parentbased_always_off')
    return error(
      'environment',
      `${said(setting)} records no trace that begins here`,
      'OTEL_TRACES_SAMPLER=parentbased_always_on',
    );
  if (value !== 'always_on' && value !== 'traceidratio') return undefined;
  return warning(
    'environment',
    `${said(setting)} decides without the caller's decision: traces that are kept elsewhere have holes here, or the other way round`,
    `OTEL_TRACES_SAMPLER=parentbased_${value}`,
  );
};

const propagators: Judge = (setting) => {
  const names = setting.value.split(',').map((one) => one.trim());
  const fix = `${setting.name}=${[...new Set(['tracecontext', 'baggage', ...names.filter((one) => one !== 'none')])].join(',')}`;
  if (!names.includes('tracecontext'))
    return error('environment', `${said(setting)}: no traceparent is sent or read, so every hop starts a trace`, fix);
  if (!names.includes('baggage'))
    return warning('environment', `${said(setting)}: baggage does not travel, nor the lineage of a chain in it`, fix);
  return undefined;
};

const protocolOf = (setting: Setting, { settings, member }: Examined): 'grpc' | 'http' => {
  const own = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'];
  const told = own.flatMap(
    (name) => settings.find((other) => other.name === name && other.from === setting.from) ?? [],
  )[0];
  if (told !== undefined) return told.value === 'grpc' ? 'grpc' : 'http';
  // An exporter that is set up in code speaks its own.
  const isGrpc = [...member.manifest.dependencies.keys()].includes('@opentelemetry/exporter-trace-otlp-grpc');
  return isGrpc ? 'grpc' : 'http';
};

const endpoint: Judge = (setting, examined) => {
  const { name, value } = setting;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return error('environment', `${said(setting)} is no URL`, `${name}=http://${value.replace(/^\w*:\/\//, '')}`);
  const protocol = protocolOf(setting, examined);
  const isTraces = name === 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
  if (protocol === 'http' && url.port === '4317')
    return error(
      'environment',
      `${said(setting)}: 4317 is gRPC's port, and the exporter speaks HTTP`,
      `${name}=${value.replace(':4317', ':4318')}, or OTEL_EXPORTER_OTLP_PROTOCOL=grpc`,
    );
  if (protocol === 'grpc' && url.port === '4318')
    return error(
      'environment',
      `${said(setting)}: 4318 is HTTP's port, and the exporter speaks gRPC`,
      `${name}=${value.replace(':4318', ':4317')}, or OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf`,
    );
  if (protocol === 'http' && isTraces && url.pathname === '/')
    return error(
      'environment',
      `${said(setting)} is used as it is, and lacks the path`,
      `${name}=${value.replace(/\/$/, '')}/v1/traces`,
    );
  if (protocol === 'http' && !isTraces && url.pathname.replace(/\/$/, '').endsWith('/v1/traces'))
    return error(
      'environment',
      `${said(setting)} gets /v1/traces added to it once more`,
      `${name}=${value.replace(/\/v1\/traces\/?$/, '')}`,
    );
  return undefined;
};

const JUDGES: Readonly<Record<string, Judge>> = {
  OTEL_SDK_DISABLED: disabled,
  OTEL_TRACES_EXPORTER: exporter,
  OTEL_TRACES_SAMPLER: sampler,
  OTEL_PROPAGATORS: propagators,
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint,
};
