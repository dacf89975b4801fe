/** Express and http-proxy-middleware, as their READMEs put them together. `node express.ts PORT PROVIDER_PORT`. */
import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

const [port, providerPort] = process.argv.slice(2).map(Number);

const app = express();
app.use(createProxyMiddleware({ target: `http://127.0.0.1:${providerPort}`, changeOrigin: true, agent: new Agent({ keepAlive: true }) }));
app.listen(port as number, '127.0.0.1');
