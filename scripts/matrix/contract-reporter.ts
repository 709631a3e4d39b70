/** A reporter of vitest that keeps how the adapter contract came out, for each package and project, in test-results/contracts.json. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import { contractCase } from './contracts.ts';
import type { ContractRow } from './contracts.ts';

const root = join(import.meta.dirname, '..', '..');

export default class ContractReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = new Map<string, ContractRow>();
    for (const module of modules) {
      const [folder, name, , file] = relative(root, module.moduleId).split('/');
      if (folder !== 'packages' || name === undefined || file?.endsWith('contract.test.ts') !== true) continue;
      for (const test of module.children.allTests()) {
        const one = contractCase(test.name);
        if (one === undefined) continue;
        const key = [name, module.project.name, one.harness, one.part].join('\n');
        const row = rows.get(key) ?? {
          adapter: name,
          project: module.project.name,
          harness: one.harness,
          part: one.part,
          passed: 0,
          failed: 0,
          cannot: [],
        };
        rows.set(key, row);
        const { state } = test.result();
        if (one.reason !== undefined && !row.cannot.includes(one.reason)) row.cannot.push(one.reason);
        if (state === 'passed' && one.reason === undefined) row.passed += 1;
        if (state === 'failed') row.failed += 1;
      }
    }
    if (rows.size === 0) return;
    mkdirSync(join(root, 'test-results'), { recursive: true });
    writeFileSync(join(root, 'test-results', 'contracts.json'), `${JSON.stringify([...rows.values()], null, 1)}\n`);
  }
}
