/**
 * Stands for ingest where only the proxy is measured, and for the receiver of spans: takes what comes and says that it is
 * safe. `node sink.ts PORT`. Does not look into it, since what ingest does with batches is measured by itself.
 */
import { createServer } from 'node:http';
import { BATCH_ID_HEADER } from '../../../contract/record.ts';

createServer((req, res) => {
  req.resume();
  req.on('end', () => {
    const id = req.headers[BATCH_ID_HEADER];
    if (id === undefined) {
      res.end();
      return;
    }
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ batch_id: id, accepted: 0, rejected: [] }));
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
