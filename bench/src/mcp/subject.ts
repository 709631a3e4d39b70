// A process of one or several variants, with a semicolon between: `node subject.ts VARIANTS LINE BETWEEN`. Each has a client, and a
// server, in memory here and over stdio in a child process.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { context, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { beSubject } from '../subject.ts';
import { startTelemetry } from '../telemetry.ts';
import { connectInMemory, connectOverStdio } from './connection.ts';
import type { Between, Connection } from './connection.ts';
import { sdkOf } from './sdk.ts';
import type { Line } from './sdk.ts';
import { propagates, startTracing } from './variant.ts';
import type { McpVariant } from './variant.ts';

const [variants, line, between] = process.argv.slice(2) as [string, Line, Between];
if (between === 'stdio') shareOneCore();
const telemetry = startTelemetry();
const sdk = await sdkOf(line);

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const caller = trace.setSpanContext(ROOT_CONTEXT, {
  traceId,
  spanId: '00f067aa0ba902b7',
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
});

const connections = new Map<string, Connection>();
for (const variant of variants.split(';') as McpVariant[]) connections.set(variant, await connect(variant));
const all = [...connections.values()];

beSubject({
  run(count, variant = variants) {
    const connection = connections.get(variant);
    if (connection === undefined) throw new Error(`no variant '${variant}'`);
    return context.with(caller, async () => {
      for (let at = 0; at < count; at++) await connection.call({ name: 'echo', arguments: { text: 'hello' } });
    });
  },
  spans: async () => (await telemetry.spans()) + sum(await Promise.all(all.map(({ spans }) => spans()))),
  othersCpu: async () => sum(await Promise.all(all.map(({ cpu }) => cpu()))),
  stop: async () => void (await Promise.all(all.map(({ close }) => close()))),
});

async function connect(variant: McpVariant): Promise<Connection> {
  const tracing = await startTracing(variant, sdk, between === 'memory' ? 'both' : 'client', telemetry);
  const connection =
    between === 'memory' ? await connectInMemory(sdk, tracing) : await connectOverStdio(sdk, tracing, variant, line);
  // In memory the handler runs in the caller's context also without tracing: what was carried tells more.
  await context.with(caller, () => connection.call({ name: 'echo', arguments: { text: 'hello' } }));
  const { active, carried } = await connection.seen();
  const carries = typeof carried === 'string' && carried.includes(traceId);
  const continues = carries && active === traceId;
  if (propagates(variant) ? !continues : carries) {
    throw new Error(`${variant}: the handler ran in trace ${String(active)}, and was sent ${String(carried)}`);
  }
  return connection;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

// Two processes that wait for each other in turns: to wake one on another core costs more than all that is measured, and
// whether it is on another differs from one pair of processes to the next. The server inherits what is set here.
function shareOneCore(): void {
  if (process.platform !== 'linux') return;
  const [, first = '0'] = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', first, String(process.pid)], { stdio: 'ignore' });
}
