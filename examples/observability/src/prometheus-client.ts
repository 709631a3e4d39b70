/** Asks a Prometheus, by https://prometheus.io/docs/prometheus/latest/querying/api/ */
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';

export type Labels = Readonly<Record<string, string>>;

/** One series of an answer: its labels, and its value. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Alert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly state: 'pending' | 'firing';
}

export interface PrometheusClient {
  /** Resolves with what an expression gives now. Rejects with what Prometheus says where it is wrong. */
  query(expression: string): Promise<Sample[]>;
  /** Resolves with the labels of every series of these metrics. */
  series(...metrics: readonly string[]): Promise<Labels[]>;
  /** Resolves with the alerts that are pending or firing. */
  alerts(): Promise<Alert[]>;
  /** Resolves when each target has been scraped, and after that each rule evaluated, since this moment. */
  settled(): Promise<void>;
}

const LabelSet = z.record(z.string(), z.string());
const Answer = z.discriminatedUnion('status', [
  z.object({ status: z.literal('success'), data: z.unknown() }),
  z.object({ status: z.literal('error'), error: z.string() }),
]);
const Vector = z.object({
  resultType: z.literal('vector'),
  result: z.array(z.object({ metric: LabelSet, value: z.tuple([z.number(), z.string()]) })),
});
const Alerts = z.object({
  alerts: z.array(z.object({ labels: LabelSet, annotations: LabelSet, state: z.enum(['pending', 'firing']) })),
});
const Targets = z.object({ activeTargets: z.array(z.object({ lastScrape: z.string(), lastError: z.string() })) });
const Rules = z.object({ groups: z.array(z.object({ lastEvaluation: z.string() })) });

const SETTLE_DEADLINE_MS = 30_000;
const POLL_MS = 100;

/** Returns what asks the Prometheus at a URL. */
export function prometheusClient(url: string): PrometheusClient {
  const ask = async <T>(path: string, schema: z.ZodType<T>, parameters: string[][] = []): Promise<T> => {
    const response = await fetch(`${url}/api/v1/${path}?${String(new URLSearchParams(parameters))}`);
    const answer = Answer.parse(await response.json());
    if (answer.status === 'error') throw new Error(`Prometheus says: ${answer.error}, of ${parameters.join(' ')}`);
    return schema.parse(answer.data);
  };
  const all = async (what: string, isDone: () => Promise<boolean>): Promise<void> => {
    const deadline = performance.now() + SETTLE_DEADLINE_MS;
    while (!(await isDone())) {
      if (performance.now() > deadline) throw new Error(`Prometheus did not ${what} within ${SETTLE_DEADLINE_MS} ms`);
      await delay(POLL_MS);
    }
  };
  return {
    query: async (expression) => {
      const { result } = await ask('query', Vector, [['query', expression]]);
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    series: (...metrics) =>
      ask(
        'series',
        z.array(LabelSet),
        metrics.map((metric) => ['match[]', metric]),
      ),
    alerts: async () => (await ask('alerts', Alerts)).alerts,
    settled: async () => {
      const asked = Date.now();
      await all('scrape every target', async () => {
        const { activeTargets } = await ask('targets', Targets, [['state', 'active']]);
        return activeTargets.every(({ lastScrape, lastError }) => Date.parse(lastScrape) > asked && lastError === '');
      });
      const scraped = Date.now();
      await all('evaluate every rule', async () =>
        (await ask('rules', Rules)).groups.every(({ lastEvaluation }) => Date.parse(lastEvaluation) > scraped),
      );
    },
  };
}
