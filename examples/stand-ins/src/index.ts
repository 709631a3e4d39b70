export { crossings, strays, type Crossing } from './crossings.ts';
export { serveAgents, type Answering, type Asking } from './service.ts';
export { openStage, type Answer, type Stage, type StageOptions } from './stage.ts';
export { toolServer } from './tools.ts';
