/** What the proxy's first process and its workers say to each other, besides `ready` and `failed` (cli/child.ts). */
import type { MetricObject } from 'prom-client';
import type { ProxyReport } from './report.ts';

export type ReportRequest = { readonly type: 'report?'; readonly id: number };

export interface WorkerReport {
  readonly report: ProxyReport;
  readonly metrics: MetricObject[];
}

export type ReportAnswer = { readonly type: 'report'; readonly id: number } & WorkerReport;

export function isReportRequest(message: unknown): message is ReportRequest {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'report?';
}

export function isReportAnswer(message: unknown): message is ReportAnswer {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'report';
}
