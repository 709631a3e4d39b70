import { answerField, replacing, viewOf, whenSettled } from '@throughline/core/adapter';
import type { Sending } from '@throughline/core/adapter';
import { refusalOf } from '@throughline/core/messaging';
import type { OutgoingTopic } from '@throughline/core/messaging';
import { SERVICE_ERROR_CODE } from './conventions.ts';
import { headerOf } from './message.ts';

/** Returns what `ask` returns, a client's request, whose hop ends with the answer. */
export function requestOne(outgoing: readonly OutgoingTopic[], ask: () => unknown): unknown {
  const refusal = refusalOf(outgoing);
  if (refusal !== undefined) return Promise.reject(refusal);
  return whenSettled(ask, (failed, value) => {
    for (const one of outgoing) {
      if (failed) one.end({ failed, error: value });
      else answered(one, value);
    }
  });
}

function answered(one: OutgoingTopic, message: unknown): void {
  let errorType: string | undefined;
  try {
    const { headers } = message as { headers?: unknown };
    (one.hop as Sending).answered(headerOf(headers, answerField));
    errorType = headerOf(headers, SERVICE_ERROR_CODE);
  } catch {
    // Whatever the answer is, it is the user's.
  }
  one.end(errorType === undefined || errorType === '' ? undefined : { failed: true, errorType });
}

/** Returns what `ask` returns, a client's request for many answers, whose hop ends with them: when they are read to the end, or left. */
export function requestAll(outgoing: readonly OutgoingTopic[], ask: () => unknown): unknown {
  const refusal = refusalOf(outgoing);
  if (refusal !== undefined) return Promise.reject(refusal);
  const end: End = (outcome) => {
    for (const one of outgoing) one.end(outcome);
  };
  try {
    const result = ask() as PromiseLike<unknown>;
    return result.then(
      (answers) => watched(answers, end),
      (error: unknown) => {
        end({ failed: true, error });
        throw error;
      },
    );
  } catch (error) {
    end({ failed: true, error });
    throw error;
  }
}

type End = (outcome?: { readonly failed: true; readonly error: unknown }) => void;
type Method = (...args: unknown[]) => unknown;

function watched(answers: unknown, end: End): unknown {
  const target = answers as Partial<Record<PropertyKey, Method>> | null | undefined;
  if (typeof target?.[Symbol.asyncIterator] !== 'function') {
    end();
    return answers;
  }
  const iterate: Method = (...args) => {
    const iterator = (target[Symbol.asyncIterator] as Method)(...args) as Record<string, Method>;
    const call = (name: string, given: unknown[]): unknown =>
      whenSettled(
        () => iterator[name]?.(...given),
        (failed, value) => {
          if (failed) end({ failed: true, error: value });
          else if (name !== 'next' || (value as IteratorResult<unknown> | undefined)?.done === true) end();
        },
      );
    const members: Record<PropertyKey, Method> = { [Symbol.asyncIterator]: () => view };
    for (const name of ['next', 'return', 'throw']) {
      if (typeof iterator[name] === 'function') members[name] = (...given) => call(name, given);
    }
    const view: object = viewOf(iterator, replacing(members));
    return view;
  };
  return viewOf(target as object, replacing({ [Symbol.asyncIterator]: iterate }));
}
