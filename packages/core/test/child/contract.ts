// The contract under Node's own test runner.
import { test } from 'node:test';
import { adapterContract } from '@throughline/core/testing';
import { startTelemetry } from '@throughline/test-telemetry';
import { coreHarnesses } from '../contract-harnesses.ts';

const telemetry = startTelemetry();
for (const harness of coreHarnesses(telemetry)) {
  for (const { name, run } of adapterContract(harness)) void test(name, run);
}
