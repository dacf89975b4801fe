/**
 * Signing in and out of the console: `GET /login`, `POST /login`, `POST /logout`. A page without a script, since it is
 * the one that takes a key. Only forms of this very site are believed (CSRF), and a session leads only to own pages.
 */
import express, { type Request, type RequestHandler, type Response, type Router } from 'express';
import { CONTENT_SECURITY_POLICY } from './guard.ts';
import { createLoginLimit, type LoginLimit } from './login-limit.ts';
import { LOGIN_CSS, loginPage } from './login-page.ts';
import type { Sessions } from './session.ts';

const FORM_BYTES_MAX = 8 * 1024;

export function createLogin(sessions: Sessions, limit: LoginLimit = createLoginLimit()): Router {
  const router = express.Router();
  const form = express.urlencoded({ extended: false, limit: FORM_BYTES_MAX, parameterLimit: 10 });
  router.get('/login.css', (_request, response) => {
    response.type('css').set('cache-control', 'no-cache').send(LOGIN_CSS);
  });
  router.get('/login', (request, response) => {
    const signedIn = sessions.read(request);
    show(response, 200, { next: ownPath(request.query['next']), signedInAs: signedIn?.name ?? signedIn?.id, problem: '' });
  });
  router.post('/login', sameSiteOnly, beyondLimit(limit), form, (request, response) => {
    const { key, next } = fields(request);
    const opened = sessions.open(key);
    if (opened === undefined) {
      limit.failed(addressOf(request));
      show(response, 401, { next: ownPath(next), signedInAs: undefined, problem: 'This key does not open the console.' });
      return;
    }
    response.set({ 'set-cookie': opened, 'cache-control': 'no-store' }).redirect(303, ownPath(next));
  });
  router.post('/logout', sameSiteOnly, (_request, response) => {
    response.set({ 'set-cookie': sessions.ended, 'cache-control': 'no-store' }).redirect(303, '/login');
  });
  for (const path of ['/login', '/logout'])
    router.all(path, (_request, response) => {
      response.status(405).json({ error: { code: 'method_not_allowed', message: `${path} takes a form.` } });
    });
  return router;
}

/**
 * What changes something must not come from a page of another site. Browsers say where a request comes from
 * (`Sec-Fetch-Site`, and `Origin` with every POST); what says neither is no browser's, and holds nobody's cookie.
 */
export const sameSiteOnly: RequestHandler = (request, response, next) => {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const foreign = site === undefined ? origin !== undefined && URL.parse(origin)?.host !== host : site !== 'same-origin' && site !== 'none';
  if (foreign) response.status(403).json({ error: { code: 'cross_site', message: 'Pages of other sites may change nothing here.' } });
  else next();
};

/** Before the form is read: what is refused costs nothing. */
function beyondLimit(limit: LoginLimit): RequestHandler {
  return (request, response, next) => {
    const wait_s = limit.wait_s(addressOf(request));
    if (wait_s === 0) {
      next();
      return;
    }
    response.set('retry-after', String(wait_s));
    const problem = `Too many wrong keys came from this address. Try again in ${wait_s} seconds.`;
    show(response, 429, { next: '/', signedInAs: undefined, problem });
  };
}

/** Of the connection itself: what a header says of it anybody can write. */
function addressOf(request: Request): string {
  return request.socket.remoteAddress ?? '';
}

function show(response: Response, status: number, state: Parameters<typeof loginPage>[0]): void {
  response
    .status(status)
    .set({
      'content-security-policy': CONTENT_SECURITY_POLICY.replace("form-action 'none'", "form-action 'self'"),
      // Without a referrer a form's `Origin` would be null.
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    .type('html')
    .send(loginPage(state));
}

function fields(request: Request): { key: string; next: unknown } {
  const body: unknown = request.body;
  if (typeof body !== 'object' || body === null) return { key: '', next: undefined };
  const { key, next } = body as Record<string, unknown>;
  return { key: typeof key === 'string' ? key.trim() : '', next };
}

/** A path of this site with its query, else the first page: a link must not lead elsewhere after signing in. */
function ownPath(next: unknown): string {
  if (typeof next !== 'string' || !/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(next) || next.startsWith('/log')) return '/';
  return next;
}
