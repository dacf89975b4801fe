/** The prices that a running ingest would use: the settings' own and the newest catalogue. */
import type { Settings } from '../contract/config.ts';
import { StartError } from '../contract/listen.ts';
import { createPricer, type Pricer } from '../ingest/price.ts';
import { startPriceUpdates } from '../ingest/price-file.ts';

/** @throws StartError when `priceCatalogue` is set and cannot be used: older prices would pass for today's */
export async function todaysPrices(settings: Settings): Promise<Pricer> {
  let fault = '';
  const updates = startPriceUpdates({
    source: settings.priceCatalogue,
    log: (level, message) => {
      if (level === 'warn') fault = message;
    },
  });
  await updates.firstRead;
  updates.stop();
  if (fault !== '') throw new StartError(`priceCatalogue: ${fault}`);
  return createPricer({ overrides: settings.prices, catalogue: updates.catalogue });
}
