export {
  type Capture,
  type CaptureOptions,
  type CaptureSpawnOptions,
  type SettledOptions,
  startCapture,
} from './capture.ts';
export type { Env } from './exporter-env.ts';
export { run } from './run.ts';
export type { Output, Surroundings } from './surroundings.ts';
