import { printable } from '@throughline/verify';
import type { ProbeOptions, ProbePlan } from './options.ts';
import type { Target } from './targets/target.ts';

/** What a server that the probe starts is told, so that its spans come to the probe. */
function exporting(env: Readonly<Record<string, string | undefined>>, url: string | undefined): typeof env {
  if (url === undefined) return env;
  return {
    ...env,
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_TRACES_EXPORTER: env['OTEL_TRACES_EXPORTER'] ?? 'otlp',
    OTEL_BSP_SCHEDULE_DELAY: env['OTEL_BSP_SCHEDULE_DELAY'] ?? '200',
  };
}

/** How much is kept of what a server writes to stderr: as much as is printed. */
const SAID = 160;

/** Opens what is to be probed. Rejects where it cannot be reached. */
export async function openTarget(
  { kind, target, headers }: ProbePlan,
  { method, data, timeout: timeoutMs }: ProbeOptions,
  env: Readonly<Record<string, string | undefined>>,
  otlpUrl: string | undefined,
): Promise<Target> {
  const [url = ''] = target;
  switch (kind) {
    case 'http': {
      const { httpTarget } = await import('./targets/http-target.ts');
      return httpTarget({ url, method: method?.toUpperCase() ?? 'GET', headers, data, timeoutMs });
    }
    case 'a2a': {
      const { a2aTarget } = await import('./targets/a2a-target.ts');
      return a2aTarget({ url, method: 'POST', headers, data, timeoutMs });
    }
    default: {
      const [{ mcpTarget }, { httpTransport, stdioTransport }, { userAgent }] = await Promise.all([
        import('./targets/mcp-target.ts'),
        import('./targets/mcp-transports.ts'),
        import('./targets/user-agent.ts'),
      ]);
      const isOurs = kind === 'mcp-stdio';
      let said = '';
      const transport = isOurs
        ? () => stdioTransport(target, exporting(env, otlpUrl), (text) => (said = `${said}${text}`.slice(-SAID)))
        : () => httpTransport(url, headers, userAgent('session'));
      const at = isOurs ? undefined : new URL(url);
      return mcpTarget({ name: target.join(' '), isOurs, url: at, method, data, timeoutMs, transport }).catch(
        (error: unknown) => {
          const why = error instanceof Error ? error.message : String(error);
          throw new Error(said === '' ? why : `${why}; it said: ${printable(said.trim())}`, { cause: error });
        },
      );
    }
  }
}
