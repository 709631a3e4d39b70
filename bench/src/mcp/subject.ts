// One variant's process: `node subject.ts VARIANT LINE BETWEEN`. It has the client, and in memory the server too.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { context, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';
import { beSubject } from '../subject.ts';
import { startTelemetry } from '../telemetry.ts';
import { connectInMemory, connectOverStdio } from './connection.ts';
import type { Between } from './connection.ts';
import { sdkOf } from './sdk.ts';
import type { Line } from './sdk.ts';
import { propagates, startTracing } from './variant.ts';
import type { McpVariant } from './variant.ts';

const [variant, line, between] = process.argv.slice(2) as [McpVariant, Line, Between];
if (between === 'stdio') shareOneCore();
const telemetry = startTelemetry();
const sdk = await sdkOf(line);
const tracing = await startTracing(variant, sdk, between === 'memory' ? 'both' : 'client', telemetry);
const { call, seen, cpu, spans, close } =
  between === 'memory' ? await connectInMemory(sdk, tracing) : await connectOverStdio(sdk, tracing, variant, line);

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const caller = trace.setSpanContext(ROOT_CONTEXT, {
  traceId,
  spanId: '00f067aa0ba902b7',
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
});
// In memory the handler runs in the caller's context also without tracing: what was carried tells more.
await context.with(caller, () => call({ name: 'echo', arguments: { text: 'hello' } }));
const { active, carried } = await seen();
const carries = typeof carried === 'string' && carried.includes(traceId);
const continues = carries && active === traceId;
if (propagates(variant) ? !continues : carries) {
  throw new Error(`${variant}: the handler ran in trace ${String(active)}, and was sent ${String(carried)}`);
}

beSubject({
  run: (count) =>
    context.with(caller, async () => {
      for (let at = 0; at < count; at++) await call({ name: 'echo', arguments: { text: 'hello' } });
    }),
  spans: async () => (await telemetry.spans()) + (await spans()),
  othersCpu: cpu,
  stop: close,
});

// Two processes that wait for each other in turns: to wake one on another core costs more than all that is measured, and
// whether it is on another differs from one pair of processes to the next. The server inherits what is set here.
function shareOneCore(): void {
  if (process.platform !== 'linux') return;
  const [, first = '0'] = /^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', first, String(process.pid)], { stdio: 'ignore' });
}
