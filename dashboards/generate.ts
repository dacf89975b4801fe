/** `npm run dashboards`: writes what Grafana is provisioned with, from the TypeScript beside this file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { ALERTS_FILE, alertsText } from './alerts.ts';
import { DASHBOARDS, JSON_FOLDER, textOf } from './index.ts';

mkdirSync(JSON_FOLDER, { recursive: true });
for (const [name, dashboard] of Object.entries(DASHBOARDS)) writeFileSync(new URL(`${name}.json`, JSON_FOLDER), textOf(dashboard));
writeFileSync(ALERTS_FILE, alertsText());
