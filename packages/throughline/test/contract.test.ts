import { readFileSync } from 'node:fs';
import { readContract } from '@throughline/verify';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';

const schema = JSON.parse(
  readFileSync(new URL('../../verify/contract.schema.json', import.meta.url), 'utf8'),
) as object;
const validate = new Ajv2020().compile(schema);

describe('the schema of a contract', () => {
  const hop = { from: 'planner', to: 'analyst' };
  test.each([
    {},
    { services: ['planner'], hops: [{ ...hop, over: '/plan', min: 0, max: 3 }], only: true },
    { signals: {} },
    {
      signals: {
        forbid: ['answer_cut_off', { kind: 'x', agent: 'planner' }],
        require: [{ kind: 'y', service: 'desk' }],
      },
    },
  ])('takes what a contract may be: %j', (contract) => {
    expect(validate(contract)).toBe(true);
    expect(readContract(contract)).toEqual(contract);
  });

  test.each([
    { hop: [] },
    { hops: [{ from: 'planner' }] },
    { hops: [{ ...hop, min: -1 }] },
    { signals: [] },
    { signals: { allow: [] } },
    { signals: { forbid: 'x' } },
    { signals: { forbid: [''] } },
    { signals: { require: [{ agent: 'planner' }] } },
    { signals: { require: [{ kind: 'x', agent: 7 }] } },
    { signals: { require: [{ kind: 'x', from: 'planner' }] } },
  ])('refuses what is none: %j', (contract) => {
    expect(validate(contract)).toBe(false);
    expect(() => readContract(contract)).toThrow(TypeError);
  });
});
