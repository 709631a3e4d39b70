import { describe, expect, it } from 'vitest';
import { isLoopback } from '../../src/probe/loopback.ts';
import { planOf } from '../../src/probe/options.ts';
import type { ProbeOptions } from '../../src/probe/options.ts';

const defaults: ProbeOptions = { timeout: 5000, callbackHost: '127.0.0.1', settle: 6000, samples: 20 };
const URL = 'http://127.0.0.1:3000/';

describe('the options of `throughline probe`', () => {
  it('are a plan: GET, no spans and no callback unless they are asked for', () => {
    const plan = { kind: 'http', target: [URL], headers: [], needsCallback: false, otlpPort: undefined };
    expect(planOf([URL], defaults)).toEqual(plan);
    expect(planOf([URL], { ...defaults, collect: true }).otlpPort).toBe(4318);
    expect(planOf([URL], { ...defaults, collect: true, otlpPort: 9 }).otlpPort).toBe(9);
    expect(planOf(['node', 'x.js'], { ...defaults, mcpStdio: true })).toMatchObject({ kind: 'mcp-stdio', otlpPort: 0 });
    const header = ['x-url: {{callback}}'];
    expect(planOf([URL], { ...defaults, header })).toMatchObject({
      needsCallback: true,
      headers: [['x-url', '{{callback}}']],
    });
  });

  it.each<[readonly string[], Partial<ProbeOptions>, string]>([
    [[], {}, 'what is to be probed?'],
    [[], { mcpStdio: true }, '--mcp-stdio takes a command'],
    [[URL, 'more'], {}, 'A command needs --mcp-stdio'],
    [['localhost:3000'], {}, 'it begins with http:// or https://'],
    [['ftp://localhost'], {}, 'it begins with http:// or https://'],
    [['https://example.com/'], {}, 'add --yes if it is yours to probe'],
    [['http://localhost.example.com/'], {}, 'add --yes if it is yours to probe'],
    [['http://10.0.0.1/'], { mcp: true }, 'add --yes if it is yours to probe'],
    [[URL], { mcp: true, a2a: true }, 'give one of them'],
    [[URL], { data: '{}' }, 'add --method POST'],
    [[URL], { method: 'G T' }, 'it takes GET, POST or the like'],
    [[URL], { a2a: true, method: 'GET' }, '--method is not for agents'],
    [[URL], { mcp: true, data: '[1]' }, 'as a JSON object'],
    [[URL], { mcp: true, data: '{' }, 'as a JSON object'],
    [[URL], { header: ['nothing'] }, "it takes 'name: value'"],
    [[URL], { header: ['Traceparent: 00'] }, 'leave it out'],
    [[URL], { callback: true }, '--callback needs {{callback}}'],
    [[URL], { thirdParty: true }, 'put {{callback}} into the request'],
    [['node'], { mcpStdio: true, header: ['a: b'] }, 'has no headers'],
  ])('%j %j: %s', (target, options, words) => {
    expect(() => planOf(target, { ...defaults, ...options })).toThrow(words);
  });

  it('let another host through with --yes alone', () => {
    expect(planOf(['https://example.com/'], { ...defaults, yes: true }).kind).toBe('http');
  });

  it.each([
    ['localhost', true],
    ['127.0.0.1', true],
    ['127.255.0.9', true],
    ['[::1]', true],
    ['0.0.0.0', false],
    ['128.0.0.1', false],
    ['localhost.evil.example', false],
    ['127.0.0.1.evil.example', false],
    ['[::ffff:10.0.0.1]', false],
  ])('%s is this machine: %s', (host, is) => {
    expect(isLoopback(host)).toBe(is);
  });
});
