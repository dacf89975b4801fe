/**
 * Stands for ingest where only the proxy is measured: takes batches and says that they are safe. `node sink.ts PORT`.
 * Does not look into them, since what ingest does with them is measured by itself.
 */
import { createServer } from 'node:http';
import { BATCH_ID_HEADER } from '../../../contract/record.ts';

createServer((req, res) => {
  req.resume();
  req.on('end', () => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ batch_id: req.headers[BATCH_ID_HEADER], accepted: 0, rejected: [] }));
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
