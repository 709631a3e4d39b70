import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startTelemetry } from '@throughline/test-telemetry';
import type { Telemetry } from '@throughline/test-telemetry';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callModel, errorFields, runAgent, runInference } from '../src/index.ts';

let telemetry: Telemetry;
let server: Server;
let url: string;
beforeAll(async () => {
  telemetry = startTelemetry();
  server = createServer((_, response) => response.writeHead(400, { 'x-request-id': 'req-7' }).end('{}'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(async () => {
  server.close();
  await telemetry.shutdown();
});

class BadRequestError extends Error {
  readonly status = 400;
}

const request = {
  model: 'gpt-9',
  provider: 'openai',
  serverAddress: '127.0.0.1',
  messages: [{ role: 'user', content: 'my secret' }],
};
const thrownBy = (fn: () => unknown): Promise<unknown> =>
  (async () => fn())().then(
    () => undefined,
    (error: unknown) => error,
  );

describe('errorFields()', () => {
  it('says class, text and stack of an error', () => {
    const error = Object.assign(new RangeError('too\u001b far'), { code: 'E_FAR' });
    const fields = errorFields(error);
    expect(fields).toEqual({
      'error.type': 'E_FAR',
      'exception.type': 'RangeError',
      'exception.message': 'too\\u{1b} far',
      'exception.stacktrace': error.stack?.replace('\u001b', '\\u{1b}'),
    });
    expect(fields['exception.stacktrace']).toContain('\n    at ');
  });

  it('says of a model call that failed who asked what, with the id of the request, and nothing of the prompt', async () => {
    const error = await thrownBy(() =>
      runAgent('planner', { conversationId: 'c-1' }, () =>
        callModel(request, async ({ fetch }) => {
          await fetch(url);
          throw new BadRequestError('400: "my secret" is too long\n    at my secret:1:1\n    at last');
        }),
      ),
    );
    const fields = errorFields(error);
    expect(fields).toEqual({
      'error.type': '400',
      'exception.type': 'BadRequestError',
      'exception.stacktrace': expect.stringMatching(/^ {4}at .*error-fields\.test\.ts:\d+:\d+/),
      'throughline.input.digest': telemetry.find('chat gpt-9').attributes['throughline.input.digest'],
      'throughline.model.request_id': 'req-7',
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-9',
      'gen_ai.provider.name': 'openai',
      'server.address': '127.0.0.1',
      'gen_ai.agent.name': 'planner',
      'gen_ai.conversation.id': 'c-1',
    });
    expect(fields['throughline.input.digest']).toMatch(/^[0-9a-f]{16}$/);
    expect(JSON.stringify(fields)).not.toContain('secret');

    const wrapped = new Error(`the plan failed: ${(error as Error).message}`, { cause: error });
    expect(errorFields(wrapped)).toMatchObject({ 'throughline.model.request_id': 'req-7', 'exception.type': 'Error' });
    expect(JSON.stringify(errorFields(wrapped))).not.toContain('secret');
  });

  it('has the id that the error of an SDK says, where no header was seen', async () => {
    const error = Object.assign(new BadRequestError('no'), { requestID: 'req-9' });
    await thrownBy(() => callModel(request, () => Promise.reject(error)));
    expect(errorFields(error)['throughline.model.request_id']).toBe('req-9');
  });

  it('keeps the call that failed, where another model’s run is around it', async () => {
    const error = new BadRequestError('no');
    const inner = (): Promise<never> => callModel({ model: 'inner' }, () => Promise.reject(error));
    await thrownBy(() => runInference({ model: 'outer' }, inner));
    expect(errorFields(error)['gen_ai.request.model']).toBe('inner');
  });

  it('tells of the one call where one is in another, which is no second', async () => {
    const error = new BadRequestError('no');
    const inner = (): Promise<never> => callModel({ model: 'inner' }, () => Promise.reject(error));
    await thrownBy(() => callModel({ model: 'outer' }, inner));
    expect(errorFields(error)['gen_ai.request.model']).toBe('outer');
  });

  it('shows no text that was changed after the stack was made', async () => {
    const error = new Error('my secret');
    error.message = 'changed';
    await thrownBy(() => callModel(request, () => Promise.reject(error)));
    expect(JSON.stringify(errorFields(error))).not.toMatch(/secret|changed/);
  });

  it('shows no piece of any text of a call', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('\n', '    at ', 'SECRET', ':1:1', ')', ' ', 'Error')),
        async (parts) => {
          const error = new Error(parts.join(''));
          await thrownBy(() => callModel({ model: 'm' }, () => Promise.reject(error)));
          expect(JSON.stringify(errorFields(error))).not.toContain('SECRET');
        },
      ),
      { numRuns: 200 },
    );
  });

  it('takes whatever was thrown', () => {
    expect(errorFields('text')).toEqual({ 'error.type': '_OTHER' });
    expect(errorFields(undefined)).toEqual({ 'error.type': '_OTHER' });
    const broken = Object.defineProperty(new Error('x'), 'stack', {
      get: () => {
        throw new Error('broken');
      },
    });
    expect(errorFields(broken)).toEqual({ 'error.type': 'Error' });
    fc.assert(fc.property(fc.anything(), (thrown) => typeof errorFields(thrown)['error.type'] === 'string'));
  });
});
