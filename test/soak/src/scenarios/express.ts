import { setImmediate } from 'node:timers/promises';
import express from 'express';
import type { NextFunction, Request, Response } from 'express';
import { traceContext } from '@throughline/express';
import { traceFetch } from '@throughline/fetch';
import { inGroups } from '../at-once.ts';
import { BareFetch } from '../bare-fetch.ts';
import { options } from '../options.ts';
import type { Scenario, Soak } from '../scenario.ts';
import { serve } from '../serve.ts';

/** Requests to an Express that calls itself once more, some of them aborted before the answer and some in the middle of it. */
export const scenario: Scenario = {
  name: 'express',
  unit: 'requests',
  count: 300_000,
  async start(soak) {
    const bare = new BareFetch();
    const tracedFetch = traceFetch(bare.fetch, options);
    const { origin, close } = await serve(application(soak, tracedFetch));
    return {
      step: () =>
        inGroups(250, 50, () => soak.chain((chain) => request(soak, `${origin}/chains/${chain}`, bare, tracedFetch))),
      stop: close,
    };
  },
};

function application(soak: Soak, tracedFetch: typeof fetch): express.Express {
  const app = express();
  const chainOf = ({ params }: Request): string | undefined => params['chain'] as string | undefined;
  const chains = express.Router({ mergeParams: true });
  chains.get('/outer', async (req, res) => {
    soak.here(chainOf(req), 'outer handler');
    const inner = await tracedFetch(`http://${req.get('host')}/chains/${chainOf(req)}/inner`);
    const answer = await inner.text();
    soak.here(chainOf(req), 'outer handler after the inner answer');
    res.send(answer);
  });
  chains.get('/inner', async (req, res) => {
    await setImmediate();
    soak.here(chainOf(req), 'inner handler');
    res.send(chainOf(req));
  });
  chains.get('/error', async (req) => {
    await setImmediate();
    soak.here(chainOf(req), 'failing handler');
    throw new Error('no such plan');
  });
  // Both end when the caller goes.
  chains.get('/hang', (req, res) => {
    res.on('close', () => soak.here(chainOf(req), 'close listener'));
  });
  chains.get('/stream', (req, res) => {
    res.write('first');
    res.on('close', () => soak.here(chainOf(req), 'close listener of a stream'));
  });
  app.use(traceContext(options));
  app.use('/chains/:chain', chains);
  app.use((_error: Error, req: Request, res: Response, _next: NextFunction) => {
    soak.here(chainOf(req) ?? req.originalUrl.split('/')[2], 'error middleware');
    res.status(500).send('failed');
  });
  return app;
}

async function request(soak: Soak, url: string, bare: BareFetch, tracedFetch: typeof fetch): Promise<void> {
  const chain = url.slice(url.lastIndexOf('/') + 1);
  const drawn = soak.random.next();
  const turns = soak.random.below(12);
  if (drawn < 0.6) {
    const answer = await (await tracedFetch(`${url}/outer`)).text();
    if (answer !== chain) soak.differs(`${url}/outer answered '${answer}'`);
  } else if (drawn < 0.7) {
    const { status, body } = await tracedFetch(`${url}/error`);
    await body?.cancel();
    if (status !== 500) soak.differs(`${url}/error answered ${status}`);
  } else if (drawn < 0.8) {
    await abortedStream(soak, `${url}/stream`, tracedFetch);
  } else {
    // Before the connection, before the handler or while it works, as it happens.
    const gaveUp = new Error('gave up');
    const abort = new AbortController();
    const asked = tracedFetch(`${url}/${drawn < 0.9 ? 'hang' : 'outer'}`, { signal: abort.signal });
    asked.catch(() => {});
    for (let turn = 0; turn < turns; turn++) await setImmediate();
    abort.abort(gaveUp);
    try {
      await (await asked).text();
      soak.tally('too late to abort');
    } catch (error) {
      soak.tally('aborted');
      if (error !== gaveUp && !bare.threw(error)) soak.differs(`an aborted request failed with ${String(error)}`);
    }
  }
  soak.here(chain, 'caller after the answer');
}

async function abortedStream(soak: Soak, url: string, tracedFetch: typeof fetch): Promise<void> {
  const abort = new AbortController();
  const reader = (await tracedFetch(url, { signal: abort.signal })).body?.getReader();
  await reader?.read();
  abort.abort(new Error('heard enough'));
  await reader?.read().then(
    () => soak.differs('an aborted stream went on'),
    () => soak.tally('aborted'),
  );
}
