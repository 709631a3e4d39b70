/** Variables of a process. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Milliseconds that exporters wait for more spans, where they are told how long: they would for five seconds. */
const EXPORT_DELAY_MS = 200;

/** Returns how many milliseconds exporters wait in this environment, as far as it tells. */
export function exportDelayOf(env: Env): number {
  const said = Number(env['OTEL_BSP_SCHEDULE_DELAY'] ?? '');
  return said > 0 ? said : EXPORT_DELAY_MS;
}

/**
 * Returns an environment in which OpenTelemetry's exporters, of any language, send their spans to this endpoint and do not wait long
 * before they do. The endpoint has to take every protocol: which one a program speaks stays its own affair.
 *
 * https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function exporterEnv(url: string, env: Env): Env {
  const exporters = env['OTEL_TRACES_EXPORTER'];
  return {
    ...env,
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    // Those of traces come before the ones of all signals.
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: undefined,
    OTEL_EXPORTER_OTLP_INSECURE: 'true',
    OTEL_EXPORTER_OTLP_TRACES_INSECURE: undefined,
    OTEL_TRACES_EXPORTER: exporters?.includes('otlp') === true ? exporters : 'otlp',
    OTEL_BSP_SCHEDULE_DELAY: env['OTEL_BSP_SCHEDULE_DELAY'] ?? String(EXPORT_DELAY_MS),
    ...pastProxies(new URL(url).hostname, env),
  };
}

const PROXIES = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'grpc_proxy', 'all_proxy', 'ALL_PROXY'];

/** Behind a proxy, some exporters would ask it even for this machine. */
function pastProxies(host: string, env: Env): Env {
  if (!PROXIES.some((name) => env[name])) return {};
  const all = [env['no_proxy'] ?? env['NO_PROXY'], host].filter(Boolean).join(',');
  return { no_proxy: all, NO_PROXY: all };
}
