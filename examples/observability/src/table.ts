/** What Prometheus says, as lines for people. */
import type { Alert, Labels, Sample } from './prometheus-client.ts';

/** Returns a line for each series, the largest value first. */
export function answerLines(samples: readonly Sample[]): string[] {
  if (samples.length === 0) return ['nothing'];
  return samples
    .toSorted((a, b) => b.value - a.value)
    .map(({ labels, value }) => `${Number(value.toPrecision(4))}`.padStart(9) + `  ${labelText(labels)}`);
}

/** Returns a line for each alert, those that fire first. */
export function alertLines(alerts: readonly Alert[]): string[] {
  if (alerts.length === 0) return ['none is pending or firing'];
  return alerts
    .map(({ state, labels, annotations }) => `${state.padEnd(7)}  ${labels['alertname']}: ${annotations['summary']}`)
    .toSorted();
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
