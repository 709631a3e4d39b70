/*
 * What an adapter is tested with: the contract that every adapter passes, ours and yours. It needs no test runner.
 */
export { adapterContract } from './contract.ts';
export type {
  Ability,
  AdapterHarness,
  Arrival,
  Call,
  ContractCarrier,
  ContractCase,
  ContractTelemetry,
  FailureShown,
  Field,
  FinishedSpan,
  Inabilities,
  Opening,
  Receiver,
  Sender,
  Sent,
  WrappedFunction,
  WrappedObject,
} from './harness.ts';
export { deepFreeze, outcomeOf, type Outcome } from './outcome.ts';
