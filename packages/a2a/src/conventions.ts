// https://github.com/open-telemetry/semantic-conventions-genai/pull/195: the draft for A2A
export const ATTR_A2A_METHOD_NAME = 'a2a.method.name';
export const ATTR_A2A_MESSAGE_ID = 'a2a.message.id';
export const ATTR_A2A_PROTOCOL_BINDING = 'a2a.protocol.binding';
export const ATTR_A2A_PROTOCOL_VERSION = 'a2a.protocol.version';
export const ATTR_A2A_TASK_ID = 'a2a.task.id';
export const ATTR_A2A_TASK_STATE = 'a2a.task.state';

// https://github.com/open-telemetry/semantic-conventions-genai: attributes of GenAI
export const ATTR_GEN_AI_CONVERSATION_ID = 'gen_ai.conversation.id';
