/** Ingest over TLS, and proxies known by their certificates: the real shipper against the real ingest server. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { readClientTls } from '../../../contract/client-tls.ts';
import { BATCH_CONTENT_TYPE, BATCH_ID_HEADER, BATCH_PATH } from '../../../contract/record.ts';
import { type Ingest, startIngest } from '../../../ingest/main.ts';
import { freePort } from '../../kit/ports.ts';
import { settingsFrom } from '../../kit/proxy.ts';

let folder: string;
let ingest: Ingest;
const pem = (name: string) => join(folder, name);

/** An authority of our own and what it signs; `names` are those of the certificate's owner. */
function makeAuthority(name: string): void {
  openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, '-keyout', pem(`${name}.key`), '-out', pem(`${name}.pem`));
}
function makeCertificate(authority: string, name: string): void {
  openssl(
    'req',
    ...NEW_KEY,
    '-subj',
    `/CN=${name}`,
    '-addext',
    'subjectAltName=IP:127.0.0.1',
    '-keyout',
    pem(`${name}.key`),
    '-out',
    pem(`${name}.csr`),
  );
  const signer = ['-CA', pem(`${authority}.pem`), '-CAkey', pem(`${authority}.key`), '-CAcreateserial', '-copy_extensions', 'copy'];
  openssl('x509', '-req', '-in', pem(`${name}.csr`), ...signer, '-days', '2', '-out', pem(`${name}.pem`));
}
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'glassway-mtls-'));
  makeAuthority('ours');
  makeAuthority('theirs');
  for (const name of ['ingest', 'proxy']) makeCertificate('ours', name);
  makeCertificate('theirs', 'stranger');
  const settings = settingsFrom({
    auth: 'required',
    listen: { ingest: await freePort() },
    clickhouse: { url: `http://127.0.0.1:${await freePort()}` },
    access: { tls: { certFile: pem('ingest.pem'), keyFile: pem('ingest.key'), caFile: pem('ours.pem') } },
  });
  ingest = await startIngest(settings, { version: '0', log: () => {} });
});
afterAll(async () => {
  await ingest.stop();
  rmSync(folder, { recursive: true });
});

async function post(files: { certFile?: string; keyFile?: string; caFile?: string }): Promise<{ status: number; text: string }> {
  const dispatcher = new Agent({ connect: { ...readClientTls(files) } });
  try {
    const headers = { 'content-type': BATCH_CONTENT_TYPE, [BATCH_ID_HEADER]: 'b' };
    const answer = await request(`${ingest.url}${BATCH_PATH}`, { method: 'POST', dispatcher, headers, body: '' });
    return { status: answer.statusCode, text: await answer.body.text() };
  } finally {
    await dispatcher.close();
  }
}

test('a proxy with a certificate of ours is let in: only the database is missing here', async () => {
  expect(ingest.url).toMatch(/^https:/);
  const answer = await post({ caFile: pem('ours.pem'), certFile: pem('proxy.pem'), keyFile: pem('proxy.key') });
  expect(answer).toMatchObject({ status: 503, text: expect.stringContaining('not_ready') });
});

test.each([
  ['without a certificate', () => ({ caFile: pem('ours.pem') })],
  ['with another authority’s', () => ({ caFile: pem('ours.pem'), certFile: pem('stranger.pem'), keyFile: pem('stranger.key') })],
])('%s it is not', async (_what, files) => {
  expect(await post(files())).toMatchObject({ status: 401, text: expect.stringContaining('proxy_not_known') });
});

test('a proxy does not believe an ingest of another authority', async () => {
  await expect(post({ caFile: pem('theirs.pem') })).rejects.toThrow(/certificate|self-signed|issuer/i);
});

test('a browser without a certificate still gets the sign-in page, by TLS', async () => {
  const dispatcher = new Agent({ connect: { ...readClientTls({ caFile: pem('ours.pem') }) } });
  const answer = await request(`${ingest.url}/login`, { dispatcher });
  expect(answer.statusCode).toBe(200);
  expect(await answer.body.text()).toContain('Console key');
  await dispatcher.close();
});

test('a file that is not there is named', () => {
  expect(() => readClientTls({ caFile: '/nowhere/ca.pem' })).toThrow('access.shipperTls.caFile: /nowhere/ca.pem cannot be read (ENOENT).');
});
