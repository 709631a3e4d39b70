/** What runs in the page. There is no OpenTelemetry in it. */
import { traceFetch } from '@throughline/web/browser';

const page = globalThis as unknown as { document: { title: string; currentScript: { src: string } } };
const api = new URL(page.document.currentScript.src).searchParams.get('api') ?? '';
const answeredBy: string[] = [];
const fetch = traceFetch(undefined, {
  firstParty: [api],
  onTrace: ({ spanId }, url) => answeredBy.push(`${url.pathname} ${spanId}`),
});

async function show(): Promise<void> {
  const [plan] = (await (await fetch('/plans')).json()) as [{ id: number }];
  await (await fetch(`${api}/plans/${plan.id}`)).json();
  page.document.title = answeredBy.join('\n');
}

void show();
