import { printable } from '@throughline/verify';
import { exporterEnv } from '../exporter-env.ts';
import type { Env } from '../exporter-env.ts';
import type { ProbeOptions, ProbePlan } from './options.ts';
import type { Target } from './targets/target.ts';

/** How much is kept of what a server writes to stderr: as much as is printed. */
const SAID = 160;

/** Opens what is to be probed. Rejects where it cannot be reached. */
export async function openTarget(
  { kind, target, headers }: ProbePlan,
  { method, data, timeout: timeoutMs }: ProbeOptions,
  env: Env,
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
        ? () =>
            stdioTransport(
              target,
              otlpUrl === undefined ? env : exporterEnv(otlpUrl, env),
              (text) => (said = `${said}${text}`.slice(-SAID)),
            )
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
