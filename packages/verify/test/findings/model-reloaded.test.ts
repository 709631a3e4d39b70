import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ChainChecker, formatOtlpJson } from '../../src/index.ts';
import type { CollectedSpan, SpanAttributes } from '../../src/index.ts';
import { found, server, told } from './spans.ts';

const loaded = (model: unknown, more: SpanAttributes = {}) => ({
  name: 'throughline.model.loaded',
  timeUnixNano: 1n,
  attributes: { 'gen_ai.request.model': model, ...more } as SpanAttributes,
});
const request = (resource: SpanAttributes, ...events: ReturnType<typeof loaded>[]): CollectedSpan =>
  server('library', '/search', { more: { events, resource: { 'service.name': 'library', ...resource } } });

const slow = { 'throughline.model.load.duration': 1.25, 'throughline.model.load.cold': false };
const instance = (id: string): SpanAttributes => ({ 'service.instance.id': id });
const again = (times: number, resource: SpanAttributes, more: SpanAttributes = slow): CollectedSpan[] =>
  Array.from({ length: times }, () => request(resource, loaded('embedder-2', more)));

describe('model-reloaded', () => {
  it('says how often one process loaded a model, and the time that it took', () => {
    expect(found(again(4, instance('a')))).toMatchObject([
      {
        code: 'model-reloaded',
        severity: 'warning',
        count: 4,
        boundary: { to: 'library' },
        message:
          'library loaded embedder-2 4 times in one process, 5.0 s in all: a process that keeps it loads it once',
      },
    ]);
  });

  it('is one finding for all processes of a service that do so, and one for each version', () => {
    const old = { 'throughline.model.version': '1' };
    const spans = [
      ...again(3, instance('a')),
      ...again(5, instance('b')),
      ...again(1, instance('c')),
      ...again(3, instance('a'), old),
    ];
    expect(told(spans)).toEqual([
      'model-reloaded: library loaded embedder-2 8 times in 2 processes, 10.0 s in all: a process that keeps it loads it once',
      'model-reloaded: library loaded embedder-2 (version 1) 3 times in one process: a process that keeps it loads it once',
    ]);
  });

  it('goes by the service where nobody tells the process, and takes several loads under one span', () => {
    const job = request({}, ...['x', 'y', 'x', 'x'].map((model) => loaded(model)));
    expect(told([job])).toEqual(['model-reloaded: library loaded x 3 times: a process that keeps it loads it once']);
  });

  it('is found in a file of OTLP, by the id of a process and its host', async () => {
    const file = async (places: readonly SpanAttributes[]): Promise<string[]> => {
      const checker = new ChainChecker();
      const spans = places.flatMap((place) => again(1, { 'process.pid': 1, ...place }));
      await checker.read(Readable.from([formatOtlpJson(spans)]));
      return checker.report().findings.map(({ code }) => code);
    };
    expect(await file([{ 'host.name': 'a' }, { 'host.name': 'a' }, { 'host.name': 'a' }])).toEqual(['model-reloaded']);
    expect(await file([{ 'host.name': 'a' }, { 'host.name': 'b' }, { 'host.name': 'c' }])).toEqual([]);
  });

  describe('says nothing of', () => {
    it('several processes that each load it once', () => {
      expect(told(['a', 'b', 'c', 'd'].flatMap((id) => again(1, instance(id))))).toEqual([]);
      expect(told([101, 102, 103, 104].flatMap((pid) => again(1, { 'process.pid': pid })))).toEqual([]);
    });

    it('a process that is restarted, and loads it each time', () => {
      const started = (at: number) => ({ 'process.pid': 1, 'process.creation.time': `2026-11-29T10:0${at}:00Z` });
      expect(told([1, 2, 3].flatMap((at) => again(1, started(at))))).toEqual([]);
    });

    it('other versions, and other models', () => {
      const versions = ['1', '2', '3', '4'].flatMap((version) =>
        again(1, instance('a'), { 'throughline.model.version': version }),
      );
      const models = ['x', 'y', 'z'].map((model) => request(instance('a'), loaded(model)));
      expect(told([...versions, ...models])).toEqual([]);
    });

    it('a model that is loaded a second time', () => {
      expect(told(again(2, instance('a')))).toEqual([]);
    });

    it('spans that came twice', () => {
      const spans = again(2, instance('a'));
      expect(told([...spans, ...spans])).toEqual([]);
    });

    it('events that name no model, and times that are none', () => {
      const odd = [7, null, '', undefined].map((model) => request(instance('a'), loaded(model)));
      expect(told([...odd, ...odd])).toEqual([]);
      const spans = again(3, instance('a'), { 'throughline.model.load.duration': -1 });
      expect(told(spans)).toEqual([
        'model-reloaded: library loaded embedder-2 3 times in one process: a process that keeps it loads it once',
      ]);
    });
  });
});
