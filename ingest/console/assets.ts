/**
 * The console's static files, read once at start: the page's TypeScript with its types taken off
 * (amaro, as Node does it; imports keep their `.ts` URLs), its styles, and two libraries from
 * node_modules. Served with an ETag and compressed once per encoding. Never reads a path from a request.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip, constants as zlib } from 'node:zlib';
import { transformSync } from 'amaro';
import type { Request, Response } from 'express';

type Encoding = 'br' | 'gzip' | 'identity';

export interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly content: Buffer;
  /** Filled as browsers ask; at most one entry per encoding. */
  readonly encoded: Map<Encoding, Promise<Buffer>>;
}

const PAGE_FOLDER = join(import.meta.dirname, 'page');
const MODULES_MARK = '<!-- modules -->';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
};

/** URL path → package and file of a library in node_modules. */
const VENDOR: Readonly<Record<string, readonly [string, string]>> = {
  '/vendor/preact.js': ['htm', 'preact/standalone.module.js'],
  '/vendor/echarts.js': ['echarts', 'dist/echarts.esm.min.js'],
};

/** All assets by their URL path. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  const modules: string[] = [];
  for (const name of readdirSync(PAGE_FOLDER, { recursive: true, encoding: 'utf8' }).sort()) {
    const extension = extname(name);
    const type = TYPES[extension];
    if (type === undefined || extension === '.html') continue;
    const text = readFileSync(join(PAGE_FOLDER, name), 'utf8');
    const code = extension === '.ts' ? transformSync(text, { mode: 'strip-only' }).code : text;
    assets.set(`/page/${name}`, asset(type, Buffer.from(code)));
    if (extension === '.ts' && /^import /m.test(text)) modules.push(`page/${name}`);
  }
  const require = createRequire(import.meta.url);
  for (const [path, [library, file]] of Object.entries(VENDOR))
    assets.set(path, asset('text/javascript; charset=utf-8', readFileSync(join(libraryFolder(require, library), file))));
  // Without the hints the browser would find the modules one import level after the other.
  const hints = ['vendor/preact.js', ...modules].map((path) => `<link rel="modulepreload" href="${path}">`).join('\n    ');
  const html = readFileSync(join(PAGE_FOLDER, 'index.html'), 'utf8').replace(MODULES_MARK, hints);
  assets.set('/', asset('text/html; charset=utf-8', Buffer.from(html)));
  return assets;
}

export async function serveAsset(asset: Asset, request: Request, response: Response): Promise<void> {
  // `no-cache` means: keep it, but ask whether it is still the same. An upgrade shows at once.
  response.set({ 'content-type': asset.type, etag: asset.etag, 'cache-control': 'no-cache', vary: 'accept-encoding' });
  if (request.fresh) {
    response.status(304).end();
    return;
  }
  // Browsers name gzip first and mean no preference by it.
  const accepted = request.acceptsEncodings();
  const encoding: Encoding = accepted.includes('br') ? 'br' : accepted.includes('gzip') ? 'gzip' : 'identity';
  const body = await encode(asset, encoding);
  if (encoding !== 'identity') response.set('content-encoding', encoding);
  response.set('content-length', String(body.length)).end(request.method === 'HEAD' ? undefined : body);
}

function asset(type: string, content: Buffer): Asset {
  const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
  return { type, etag, content, encoded: new Map() };
}

/** Main file → folder: a package's `exports` may hide the file that we want. */
function libraryFolder(require: NodeJS.Require, library: string): string {
  let folder = dirname(require.resolve(library));
  while (!folder.endsWith(join('node_modules', library))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`The package ${library} is not installed; run npm ci.`);
    folder = parent;
  }
  return folder;
}

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);
/** Quality 11 costs seconds for the chart library and gains a few per cent. */
const BROTLI_QUALITY = 7;

function encode(asset: Asset, encoding: Encoding): Promise<Buffer> {
  const known = asset.encoded.get(encoding);
  if (known !== undefined) return known;
  const made =
    encoding === 'br'
      ? compressBrotli(asset.content, { params: { [zlib.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } })
      : encoding === 'gzip'
        ? compressGzip(asset.content)
        : Promise.resolve(asset.content);
  asset.encoded.set(encoding, made);
  return made;
}
