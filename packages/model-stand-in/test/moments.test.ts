import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdAt, startModel } from '../src/index.ts';
import type { Moment, RunningModel } from '../src/index.ts';
import { clients, everything, openaiClient } from './clients.ts';

let model: RunningModel;
beforeEach(async () => {
  model = await startModel();
});
afterEach(() => model.close());

const request = { model: 'gpt', messages: [{ role: 'user' as const, content: 'Hello?' }] };
const streaming = { ...request, stream: true } as const;

describe('a hold', () => {
  it.each(clients)('keeps the answer from $name until it is released', async ({ ask }) => {
    for (const at of ['headers', 'body', 'chunk:1', 'chunk:3', 'end'] satisfies Moment[]) {
      const hold = holdAt(at);
      model.next({ text: 'one two three', hold });
      let over = false;
      const asked = ask(model).finally(() => (over = true));
      await hold.reached;
      expect(over).toBe(false);
      hold.release();
      expect(await asked).toMatchObject({ text: 'one two three' });
    }
  });

  it('at a chunk lets those before it through', async () => {
    const hold = holdAt('chunk:3');
    model.next({ text: 'one two three four', hold });
    const came: string[] = [];
    for await (const { choices } of await openaiClient(model).chat.completions.create(streaming)) {
      const text = choices[0]?.delta.content ?? '';
      if (text !== '') came.push(text);
      if (came.length !== 2) continue;
      // Nothing more comes by itself: only this lets the loop go on.
      await hold.reached;
      hold.release();
    }
    expect(came).toEqual(['one ', 'two ', 'three ', 'four']);
  });

  it('at the body lets the headers through', async () => {
    const hold = holdAt('body');
    model.next({ hold, report: { requestId: 'req_1' } });
    const { request_id, data } = await openaiClient(model).chat.completions.create(streaming).withResponse();
    expect(request_id).toBe('req_1');
    await hold.reached;
    hold.release();
    expect(await everything(data)).not.toEqual([]);
  });

  it('may be one of several', async () => {
    const holds = [holdAt('headers'), holdAt('chunk:2')];
    model.next({ text: 'one two', hold: holds });
    const asked = openaiClient(model).chat.completions.create(streaming);
    for (const hold of holds) {
      await hold.reached;
      hold.release();
    }
    expect(await everything(await asked)).not.toEqual([]);
  });

  it('says so where the answer was over before', async () => {
    const hold = holdAt('chunk:1');
    model.next({ hold, fail: { by: 'status', status: 500 } });
    await openaiClient(model)
      .chat.completions.create(request)
      .catch(() => {});
    await expect(hold.reached).rejects.toThrow('The answer never came to chunk:1');
  });

  it('ends when the client goes away', async () => {
    const hold = holdAt('chunk:2');
    model.next({ text: 'one two three', hold });
    for await (const { choices } of await openaiClient(model).chat.completions.create(streaming)) {
      if (choices[0]?.delta.content === 'one ') break;
    }
    expect(await model.requests[0]?.ended).toBe('left');
  });

  it('ends when the stand-in is closed', async () => {
    const hold = holdAt('headers');
    model.next({ hold });
    const asked = openaiClient(model).chat.completions.create(request);
    const failed = asked.catch((error: unknown) => error);
    await hold.reached;
    await model.close();
    expect(await failed).toMatchObject({ message: 'Connection error.' });
    expect(await model.requests[0]?.ended).toBe('left');
  });
});

describe('a wait', () => {
  it('is at least as long as it was said, at each moment', async () => {
    const wait = { headers: 10, body: 20, 'chunk:1': 30, chunk: 5, 'chunk:3': 40, end: 15 };
    model.next({ text: 'one two three four', wait });
    const times: number[] = [performance.now()];
    const stream = await openaiClient(model).chat.completions.create(streaming);
    times.push(performance.now());
    for await (const { choices } of stream) {
      if (choices[0]?.delta.content !== undefined || choices[0]?.finish_reason) times.push(performance.now());
    }
    const whole = (times.at(-1) ?? 0) - (times[0] ?? 0);
    // Timers may be a millisecond early, each.
    expect(whole).toBeGreaterThanOrEqual(10 + 20 + 30 + 5 + 40 + 5 + 15 - 7);
  });

  it('passes before the headers where the answer is not streamed', async () => {
    model.next({ text: 'one two', wait: { 'chunk:1': 20, chunk: 20 } });
    const { response } = await openaiClient(model).chat.completions.create(request).withResponse();
    expect(Number(response.headers.get('openai-processing-ms'))).toBeGreaterThanOrEqual(38);
  });

  it('ends when the client goes away', async () => {
    model.next({ wait: { body: 600_000 } });
    const stream = await openaiClient(model).chat.completions.create(streaming);
    stream.controller.abort();
    expect(await everything(stream)).toEqual([]);
    expect(await model.requests[0]?.ended).toBe('left');
  });
});
