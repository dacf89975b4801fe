/** What OpenTelemetry's variables say of the way to a receiver: TLS with certificates of one's own, time limits. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { emptyResource } from '@opentelemetry/resources';
import { createSender, type SendResult } from '../../../contract/otlp/sender.ts';
import type { OtlpProtocol } from '../../../contract/otlp-settings.ts';
import { tracesOf } from '../../../ingest/otlp/signals.ts';
import { startOtlpReceiver } from '../../kit/otlp-receiver.ts';
import { selfSignedCertificate } from '../../kit/tls.ts';

const SIGNAL = tracesOf({ resource: emptyResource(), scope: { name: 'glassway' }, conventions: '1.41.1', messages: true });
const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

let folder: string;
let pem: { key: string; cert: string };
const before = { ...process.env };

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassway-otlp-'));
  pem = selfSignedCertificate();
  writeFileSync(join(folder, 'cert.pem'), pem.cert);
  writeFileSync(join(folder, 'key.pem'), pem.key);
});
afterEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_') && !(name in before)) delete process.env[name];
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Receivers that want a client's certificate. */
const RECEIVERS: Readonly<Record<'http/protobuf' | 'grpc', () => Promise<{ endpoint: string; stop(): void }>>> = {
  async 'http/protobuf'() {
    const server = createServer({ ...pem, ca: pem.cert, requestCert: true }, (request, response) =>
      request.resume().on('end', () => response.end()),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      stop() {
        server.close();
        server.closeAllConnections();
      },
    };
  },
  async grpc() {
    const server = new grpc.Server();
    const plain = (bytes: Buffer): Buffer => bytes;
    const method = { path: EXPORT, requestStream: false, responseStream: false } as const;
    const codecs = { requestSerialize: plain, requestDeserialize: plain, responseSerialize: plain, responseDeserialize: plain };
    server.addService(
      { Export: { ...method, ...codecs } },
      { Export: (_call: unknown, done: grpc.sendUnaryData<Buffer>) => done(null, Buffer.alloc(0)) },
    );
    const pair = { private_key: Buffer.from(pem.key), cert_chain: Buffer.from(pem.cert) };
    const credentials = grpc.ServerCredentials.createSsl(Buffer.from(pem.cert), [pair], true);
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    return { endpoint: `https://127.0.0.1:${port}`, stop: () => server.forceShutdown() };
  },
};

async function sendWith(protocol: OtlpProtocol, variables: Record<string, string>): Promise<SendResult> {
  Object.assign(process.env, variables);
  const sender = createSender({ environment: protocol }, SIGNAL);
  try {
    return await sender.send([]);
  } finally {
    await sender.close();
  }
}

test.each(['http/protobuf', 'grpc'] as const)('%s: an authority and a client certificate of one’s own', async (protocol) => {
  const receiver = await RECEIVERS[protocol]();
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: '2000' };
  try {
    expect(await sendWith(protocol, endpoint)).toMatchObject({ kind: 'failed' });
    const files = {
      OTEL_EXPORTER_OTLP_CERTIFICATE: join(folder, 'cert.pem'),
      OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: join(folder, 'cert.pem'),
      OTEL_EXPORTER_OTLP_CLIENT_KEY: join(folder, 'key.pem'),
    };
    expect(await sendWith(protocol, { ...endpoint, ...files })).toEqual({ kind: 'sent', rejected: 0 });
  } finally {
    receiver.stop();
  }
});

test('the signal’s own variables go before those for all: endpoint, headers, time limit', async () => {
  const receiver = await startOtlpReceiver();
  try {
    receiver.manners = { delay_ms: 1_500 };
    const all = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_EXPORTER_OTLP_TIMEOUT: '10000',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1,b=1',
    };
    const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.httpUrl}/v1/traces`, OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=2' };
    expect(await sendWith('http/protobuf', { ...all, ...own, OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '300' })).toMatchObject({ kind: 'failed' });
    delete process.env['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'];
    expect(await sendWith('http/protobuf', { ...all, ...own })).toEqual({ kind: 'sent', rejected: 0 });
    expect(receiver.requests.at(-1)?.headers).toMatchObject({ a: '1', b: '2' });
  } finally {
    await receiver.stop();
  }
});
