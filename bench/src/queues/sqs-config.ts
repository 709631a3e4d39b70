import type { SQSClientConfig } from '@aws-sdk/client-sqs';

/** Returns what a client of ElasticMQ is made with. */
export function sqsConfig(endpoint: string): SQSClientConfig {
  return { endpoint, region: 'elasticmq', credentials: { accessKeyId: 'none', secretAccessKey: 'none' } };
}
