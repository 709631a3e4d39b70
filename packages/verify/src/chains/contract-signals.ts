import type { ContractSignal, SignalRules } from './contract.ts';
import type { ChainFinding } from './finding.ts';
import { foundSpans } from './grouped.ts';
import type { SpanGraph } from './graph.ts';
import type { PlacedSignal, SeenSignal } from './signals.ts';
import { shown, times } from './words.ts';

/** Returns what of a contract's signals is not fulfilled. */
export function signalFindings(rules: SignalRules, seen: readonly PlacedSignal[], graph: SpanGraph): ChainFinding[] {
  const { forbid = [], require = [] } = rules;
  const findings: ChainFinding[] = [];
  const say = (message: string, service: string | undefined, more: Pick<ChainFinding, 'spans' | 'count'>): void => {
    const boundary = service === undefined ? undefined : { boundary: { to: service } };
    findings.push({ code: 'contract', severity: 'error', message, ...boundary, ...more });
  };
  for (const { signal, spans } of seen) {
    if (!forbid.some((wanted) => fulfils(signal, wanted))) continue;
    const { kind, service, agent, count } = signal;
    const [first] = spans;
    const place = first === undefined ? '' : `, on ${shown(graph.nameOf(first))}`;
    say(
      `${who({ service, agent })}: the contract forbids the signal ${shown(kind)}, and it came ${times(count)}${place}`,
      service,
      { spans: foundSpans(graph, spans), count },
    );
  }
  for (const wanted of require) {
    if (seen.some(({ signal }) => fulfils(signal, wanted))) continue;
    const { kind, service, agent }: ContractSignal = typeof wanted === 'string' ? { kind: wanted } : wanted;
    const whose = agent === undefined && service === undefined ? '' : `${who({ service, agent })}: `;
    const message = `${whose}the contract asks for the signal ${shown(kind)}, and no span has it`;
    say(message, service, { spans: [], count: 0 });
  }
  return findings;
}

function fulfils(signal: SeenSignal, wanted: string | ContractSignal): boolean {
  if (typeof wanted === 'string') return signal.kind === wanted;
  const { kind, agent, service } = wanted;
  return (
    signal.kind === kind &&
    (agent === undefined || signal.agent === agent) &&
    (service === undefined || signal.service === service)
  );
}

/** Returns how a finding names who acted: `planner of desk`. */
function who({ service, agent }: Pick<ContractSignal, 'service' | 'agent'>): string {
  if (agent === undefined) return shown(service);
  return service === undefined || service === agent ? shown(agent) : `${shown(agent)} of ${shown(service)}`;
}
