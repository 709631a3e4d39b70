import { expect, test } from 'vitest';
import { mentioned } from './promql.ts';

test.each([
  ['up', ['up'], []],
  ['up == 0', ['up'], []],
  ['rate(a_total{job!~"x{}", b="c"}[5m])', ['a_total'], ['job', 'b']],
  ['histogram_quantile(0.95, sum by (le, model) (rate(d_bucket[5m])))', ['d_bucket'], ['model']],
  ['3600 * job:a:rate5m > 1e3 unless b <= 3 * avg_over_time(c[1d] offset 15m)', ['job:a:rate5m', 'b', 'c'], []],
  ['a / on (job) group_left (pid) target_info or vector(0)', ['a', 'target_info'], ['job', 'pid']],
  ['sum without (pid) (a)', ['a'], ['pid']],
])('finds what %s speaks of', (expression, metrics, labels) => {
  expect(mentioned(expression)).toEqual({ metrics, labels });
});
